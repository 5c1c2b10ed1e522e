/** Reads OTLP's protobuf, by the field numbers of opentelemetry-proto: the tests do not trust the code they test. */

type Field = bigint | Buffer
type Fields = ReadonlyMap<number, readonly Field[]>

export interface ExportedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentId: string
  readonly name: string
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number
  /** Nanoseconds since the epoch. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }[]
  /** 0 unset, 2 error. */
  readonly status: number
  readonly statusMessage: string
  /** Of the process that exported it. */
  readonly resource: Readonly<Record<string, unknown>>
}

/** The spans of an ExportTraceServiceRequest. */
export function readExport(body: Buffer): ExportedSpan[] {
  return messages(read(body), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1)[0] ?? new Map(), 1)
    const scopes = messages(resourceSpans, 2)
    return scopes.flatMap((scope) => messages(scope, 2).map((span) => spanOf(span, resource)))
  })
}

function spanOf(span: Fields, resource: ExportedSpan['resource']): ExportedSpan {
  const status = messages(span, 15)[0] ?? new Map()
  return {
    traceId: bytes(span, 1).toString('hex'),
    spanId: bytes(span, 2).toString('hex'),
    parentId: bytes(span, 4).toString('hex'),
    name: bytes(span, 5).toString(),
    kind: Number(integer(span, 6)),
    start: integer(span, 7),
    end: integer(span, 8),
    attributes: attributesOf(span, 9),
    links: messages(span, 13).map((link) => ({
      traceId: bytes(link, 1).toString('hex'),
      spanId: bytes(link, 2).toString('hex'),
      sampled: (integer(link, 6) & 1n) === 1n,
    })),
    status: Number(integer(status, 3)),
    statusMessage: bytes(status, 2).toString(),
    resource,
  }
}

function attributesOf(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [
      bytes(pair, 1).toString(),
      attributeOf(messages(pair, 2)[0] ?? new Map()),
    ]),
  )
}

function attributeOf(value: Fields): unknown {
  if (value.has(1)) return bytes(value, 1).toString()
  if (value.has(2)) return integer(value, 2) === 1n
  if (value.has(3)) return Number(integer(value, 3))
  if (value.has(5)) return messages(read(bytes(value, 5)), 1).map(attributeOf)
  throw new Error('an attribute of a kind that no test has seen yet')
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map((field) => read(Buffer.isBuffer(field) ? field : Buffer.alloc(0)))
}

function bytes(fields: Fields, number: number): Buffer {
  const field = fields.get(number)?.at(-1)
  return Buffer.isBuffer(field) ? field : Buffer.alloc(0)
}

function integer(fields: Fields, number: number): bigint {
  const field = fields.get(number)?.at(-1)
  return typeof field === 'bigint' ? field : 0n
}

function read(buffer: Buffer): Fields {
  const fields = new Map<number, Field[]>()
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = buffer.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number) => {
    at += length
    return buffer.subarray(at - length, at)
  }
  const next = (wireType: number): Field => {
    if (wireType === 0) return varint()
    if (wireType === 1) return take(8).readBigUInt64LE()
    if (wireType === 2) return take(Number(varint()))
    if (wireType === 5) return BigInt(take(4).readUInt32LE())
    throw new Error(`no such wire type: ${wireType}`)
  }
  while (at < buffer.length) {
    const key = Number(varint())
    const field = next(key & 7)
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), field])
  }
  return fields
}
