import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'svix'
import t from 'tap'
import { Secret } from '../../src/core/secret.ts'
import { createVerifier, type RequestHeaders, readSignature, sign } from '../../src/sources/svix.ts'

const keys = [1, 2, 3].map((byte) => Buffer.alloc(24, byte))
const texts = keys.map((key) => `whsec_${key.toString('base64')}`)
const secrets = texts.map((text) => new Secret(text))
const [current, old, foreign] = secrets
if (current === undefined || old === undefined || foreign === undefined) throw new Error('three secrets')
const verifier = createVerifier([current, old])

const ID = 'msg_2mvYGzY5uqcZyEwrUVMvAk9Q0Nz'
const body = Buffer.from('{"data":{"id":"0191e29a-1644-7972-9466-18ada4a3636e"},"event":"analysis.created"}')

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** Signs without the package: HMAC-SHA256 of `id.timestamp.body`, in base64. */
function signature(keyIndex: number, id: string, timestamp: number | string, signed: Buffer): string {
  const key = keys[keyIndex]
  if (key === undefined) throw new Error('no such key')
  const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(signed)
  return `v1,${hmac.digest('base64')}`
}

function headersFor(
  keyIndex = 0,
  timestamp: number | string = nowSeconds(),
  signed: Buffer = body,
  brand = 'svix',
) {
  return {
    [`${brand}-id`]: ID,
    [`${brand}-timestamp`]: String(timestamp),
    [`${brand}-signature`]: signature(keyIndex, ID, timestamp, signed),
  }
}

const verify = (headers: RequestHeaders, received: Buffer, by = verifier) =>
  by.verify(readSignature(headers, Date.now()), received)

function reason(headers: RequestHeaders, received: Buffer = body): string {
  const verified = verify(headers, received)
  return verified.ok ? 'verified' : verified.reason
}

t.test('secrets of every length sign as an independent HMAC does', async (t) => {
  // A secret longer than a block of SHA-256, 64 bytes, is hashed first.
  for (const length of [1, 24, 63, 64, 65, 200]) {
    const key = Buffer.alloc(length, length)
    const timestamp = String(nowSeconds())
    const digest = createHmac('sha256', key).update(`${ID}.${timestamp}.`).update(body).digest('base64')
    const by = createVerifier([new Secret(`whsec_${key.toString('base64')}`)])
    const headers = { 'svix-id': ID, 'svix-timestamp': timestamp, 'svix-signature': `v1,${digest}` }
    t.ok(verify(headers, body, by).ok, `${length} bytes`)
    t.notOk(verify(headers, Buffer.concat([body, body]), by).ok, `${length} bytes, another body`)
  }
})

t.test('a request signed by the package or by anyone with the secret verifies', async (t) => {
  const at = new Date()
  const sentAt = Math.floor(at.getTime() / 1000) * 1000
  const ours = sign(current, ID, at, body)
  const theirs = new Webhook(texts[0] ?? '').sign(ID, at, body)
  t.equal(ours['svix-signature'], theirs)
  t.equal(ours['svix-signature'], signature(0, ID, sentAt / 1000, body), 'an independent signer agrees')
  t.strictSame(verify({ host: 'x', ...ours }, body), {
    ok: true,
    messageId: ID,
    sentAt,
    secretIndex: 0,
  })
  t.equal(reason(headersFor(0, nowSeconds(), body, 'webhook')), 'verified', 'Standard Webhooks headers')
  t.equal(reason(sign(current, ID, at, '{"é":"漢😀"}'), Buffer.from('{"é":"漢😀"}')), 'verified')
  const empty = Buffer.alloc(0)
  t.equal(reason(headersFor(0, nowSeconds(), empty), empty), 'verified', 'an empty body')
  const marked = Buffer.from('\ufeff{}')
  t.equal(reason(headersFor(0, nowSeconds(), marked), marked), 'verified', 'with a byte order mark')
})

t.test('each of several secrets verifies, and the one that did is named', async (t) => {
  t.match(verify(headersFor(0), body), { ok: true, secretIndex: 0 })
  t.match(verify(headersFor(1), body), { ok: true, secretIndex: 1 })
  t.equal(reason(headersFor(2)), 'no_matching_signature')
  t.equal(verify(headersFor(0), body, createVerifier([])).ok, false, 'no secret verifies nothing')
  const bare = new Secret(keys[0]?.toString('base64') ?? '')
  t.match(verify(headersFor(0), body, createVerifier([bare])), { ok: true }, 'the prefix may be left out')
})

t.test('while the sender rotates, one good signature of several is enough', async (t) => {
  const timestamp = nowSeconds()
  const listed = (...signatures: string[]) => ({
    ...headersFor(0, timestamp),
    'svix-signature': signatures.join(' '),
  })
  const good = signature(0, ID, timestamp, body)
  const goodOld = signature(1, ID, timestamp, body)
  const wrong = signature(2, ID, timestamp, body)
  t.match(verify(listed(wrong, goodOld), body), { ok: true, secretIndex: 1 })
  t.match(verify(listed(goodOld, good), body), { ok: true, secretIndex: 0 }, 'the first secret is preferred')
  t.equal(reason(listed('v1a,abc', 'junk', 'v1', 'v1,', '', ',', good)), 'verified')
  t.equal(reason(listed(...Array.from({ length: 12 }, () => wrong), good)), 'verified')
  t.equal(reason(listed(wrong, wrong)), 'no_matching_signature')
  t.equal(
    reason(listed(`v1,${'a'.repeat(44)}`.repeat(100))),
    'malformed_headers',
    'more than any sender makes',
  )
})

t.test('anything but the exact signature is refused', async (t) => {
  const timestamp = nowSeconds()
  const good = signature(0, ID, timestamp, body)
  const value = good.slice(3)
  const urlSafe = Buffer.from(value, 'base64').toString('base64url')
  for (const given of [
    ...[
      value,
      `v2,${value}`,
      `v1a,${value}`,
      `v1, ${value}`,
      `V1,${value}`,
      `v1,${value}x`,
      `v1,${value.slice(0, -1)}`,
    ],
    ...[
      `v1,${urlSafe}`,
      `v1,${urlSafe}=`.replace(/[A-Za-z0-9]/, '_'),
      `v1,${value},v1,${value}`,
      `v1;${value}`,
    ],
    ...[
      `"${good}"`,
      `v1,${Buffer.from(value, 'base64').toString('hex')}`,
      'v1,',
      'v1',
      ' ',
      good.toUpperCase(),
    ],
  ]) {
    t.equal(reason({ ...headersFor(0, timestamp), 'svix-signature': given }), 'no_matching_signature', given)
  }
})

t.test('all three headers of one set are needed', async (t) => {
  const svix = headersFor()
  t.equal(reason({}), 'missing_headers')
  for (const name of Object.keys(svix)) {
    t.equal(reason({ ...svix, [name]: undefined }), 'missing_headers', `without ${name}`)
    t.equal(reason({ ...svix, [name]: '' }), 'missing_headers', `with an empty ${name}`)
    const renamed = { ...svix, [name]: undefined, [name.replace('svix', 'webhook')]: svix[name] }
    t.equal(reason(renamed), 'missing_headers', `${name} in the other set`)
  }
  const standard = headersFor(0, nowSeconds(), body, 'webhook')
  t.equal(
    reason({ ...standard, 'svix-id': 'another' }),
    'verified',
    'an incomplete set does not hide a complete one',
  )
  t.equal(
    reason({ ...headersFor(2), ...standard }),
    'no_matching_signature',
    'of two complete sets svix-* counts',
  )
})

t.test('headers of the wrong form are refused before any hashing', async (t) => {
  const svix = headersFor()
  for (const name of Object.keys(svix)) {
    const value = svix[name] ?? ''
    t.equal(reason({ ...svix, [name]: [value] }), 'malformed_headers', `${name} as a list`)
    t.equal(reason({ ...svix, [name]: [value, value] }), 'malformed_headers', `${name} twice`)
  }
  for (const id of ['a b', 'é', 'a\n', 'a\u0000', 'x'.repeat(257)]) {
    t.equal(reason({ ...svix, 'svix-id': id }), 'malformed_headers', JSON.stringify(id).slice(0, 20))
  }
  const timestamp = nowSeconds()
  for (const text of [
    ...[
      `${timestamp}junk`,
      `${timestamp}.5`,
      `+${timestamp}`,
      ` ${timestamp}`,
      `0${timestamp}`,
      `${timestamp}e0`,
    ],
    ...['-1', '0', 'NaN', 'Infinity', '0x6a', '1_7', '9'.repeat(12), `${timestamp}, ${timestamp}`],
  ]) {
    t.equal(reason(headersFor(0, text)), 'malformed_headers', text)
  }
  const long = 'x'.repeat(256)
  const signed = {
    ...svix,
    'svix-id': long,
    'svix-signature': signature(0, long, svix['svix-timestamp'] ?? '', body),
  }
  t.equal(reason(signed), 'verified', 'an id of 256 characters')
})

t.test('a timestamp counts for five minutes, either way', async (t) => {
  /** The clock must not pass to the next second between signing and verifying. */
  function within(offset: number): string {
    for (;;) {
      const start = nowSeconds()
      const result = reason(headersFor(0, start + offset))
      if (nowSeconds() === start) return result
    }
  }
  for (const offset of [0, 299, 300, -299, -300]) t.equal(within(offset), 'verified', `${offset} s`)
  for (const offset of [301, -301, 86_400, -86_400])
    t.equal(within(offset), 'timestamp_out_of_range', `${offset} s`)
  t.equal(reason(headersFor(0, nowSeconds() * 1000)), 'malformed_headers', 'milliseconds are no timestamp')
})

t.test('a body that is not UTF-8 verifies by its exact bytes only', async (t) => {
  const signed = Buffer.from([0x7b, 0xff, 0x7d])
  const alike = Buffer.from([0x7b, 0xfe, 0x7d])
  const replaced = Buffer.from(signed.toString())
  const headers = headersFor(0, nowSeconds(), signed)
  t.equal(reason(headers, signed), 'verified')
  t.equal(reason(headers, alike), 'no_matching_signature', 'another invalid body')
  t.equal(reason(headersFor(0, nowSeconds() - 301, signed), signed), 'timestamp_out_of_range')
  t.equal(reason(headers, replaced), 'no_matching_signature', 'the body as a decoder would fix it')
  t.equal(reason(headersFor(0, nowSeconds(), replaced), signed), 'no_matching_signature')
  t.equal(reason(headersFor(2, nowSeconds(), signed), signed), 'no_matching_signature')
})

t.test('a malformed secret is refused without being repeated', async (t) => {
  for (const text of [
    'whsec_',
    '',
    'whsec_not base64',
    `${texts[0]}\r\n`,
    ` ${texts[0]}`,
    'whsec_-_-_',
    'whsec_abc',
  ]) {
    const make = () => createVerifier([current, new Secret(text)])
    t.throws(
      make,
      {
        message:
          /^secrets\[1\] is not a signing secret: copy it exactly as the sender shows it, whsec_ and base64/,
      },
      JSON.stringify(text),
    )
    try {
      make()
    } catch (error) {
      const reported = String(error instanceof Error ? error.stack : error)
      t.notOk(text.length > 8 && reported.includes(text.trim()), 'the error keeps the secret')
    }
  }
  t.throws(() => sign(new Secret('whsec_'), ID, new Date(), body), {
    message: /^the secret is not a signing secret/,
  })
})

interface SignedRequest {
  readonly headers: Record<string, string>
  readonly received: Buffer
}

type Mutation = (request: SignedRequest) => SignedRequest

/** Replaces one character of a text by another one. */
function altered(text: string, at: number, character: string): string {
  const index = at % text.length
  return text.slice(0, index) + character + text.slice(index + 1)
}

t.test('no mutation of a signed request verifies, and the package agrees', async (t) => {
  const position = fc.nat({ max: 1_000 })
  const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
  const name = fc.constantFrom('svix-id', 'svix-timestamp', 'svix-signature')
  const inHeader = fc.tuple(name, position, printable).map(
    ([header, at, character]): Mutation =>
      ({ headers, received }) => ({
        headers: { ...headers, [header]: altered(headers[header] ?? '', at, character) },
        received,
      }),
  )
  const inBody = fc.tuple(position, fc.integer({ min: 1, max: 255 })).map(
    ([at, bits]): Mutation =>
      ({ headers, received }) => {
        const changed = Buffer.from(received)
        const index = at % changed.length
        changed[index] = (changed[index] ?? 0) ^ bits
        return { headers, received: changed }
      },
  )
  const cut = position.map(
    (length): Mutation =>
      ({ headers, received }) => ({ headers, received: received.subarray(0, length % received.length) }),
  )
  const longer = fc.uint8Array({ minLength: 1, maxLength: 4 }).map(
    (more): Mutation =>
      ({ headers, received }) => ({ headers, received: Buffer.concat([received, more]) }),
  )
  let agreed = 0
  fc.assert(
    fc.property(
      fc.array(fc.oneof(inHeader, inBody, cut, longer), { minLength: 1, maxLength: 3 }),
      (mutations) => {
        const timestamp = nowSeconds()
        const original: SignedRequest = { headers: headersFor(0, timestamp), received: body }
        let request = original
        for (const mutate of mutations) request = mutate(request)
        const unchanged =
          request.received.equals(body) &&
          JSON.stringify(request.headers) === JSON.stringify(original.headers)
        const verified = reason(request.headers, request.received) === 'verified'
        assert.equal(verified, unchanged)
        // Of bodies that are not UTF-8 the package sees what a decoder makes of them.
        if (verified || isUtf8(request.received)) {
          assert.equal(verifiedByPackage(request), verified)
          agreed += 1
        }
      },
    ),
    { numRuns: 2_000 },
  )
  t.ok(agreed > 500, 'the package was asked often')
})

function verifiedByPackage({ headers, received }: SignedRequest): boolean {
  try {
    new Webhook(texts[0] ?? '').verify(received, headers)
    return true
  } catch {
    return false
  }
}
