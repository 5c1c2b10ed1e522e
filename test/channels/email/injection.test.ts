/** Whatever a payload holds: the mail that arrives has the same headers, recipients and parts. */
import fc from 'fast-check'
import PostalMime, { type Email } from 'postal-mime'
import t from 'tap'
import { email } from '../../../src/channels/email/email.ts'
import { compose, fixedHeaders, messageId } from '../../../src/channels/email/sending/mail/mime.ts'
import { alone } from '../../support/addressed.ts'
import { anyText } from '../../support/any-text.ts'
import { channelEnvironment } from '../../support/channel-environment.ts'
import { startMailServer } from '../../support/mail-server.ts'
import { templateFile } from '../../support/template-files.ts'
import { exampleView } from '../contract.ts'

const template = `---
subject: "About {{ data }}"
preheader: "{{ data }}"
---
# {{ data }}

{{ data }} [open]({{ data }})
`
const raw = '{{ data | raw }}\n'

const hostile = fc.constantFrom(
  'a\r\nBcc: evil@example.net',
  'a\nX-Evil: 1\n\nbody',
  '\r\n\r\n--boundary\r\nContent-Type: text/html\r\n\r\n<b>',
  '=?utf-8?Q?a=0D=0ABcc:_evil@example.net?=',
  'a\r\n.\r\nMAIL FROM:<evil@example.net>\r\n',
  '\r\n.\r\n',
  '\n.\n',
  '\r.\r',
  '..',
  '\u0000\u001b[2J\u007f',
  '\ud800',
  '😀'.repeat(300),
  `${'long '.repeat(500)}`,
  'x'.repeat(3000),
  '" <evil@example.net>, "',
  'begin 644 a\n',
)

t.test('no value adds a header, a recipient or a part', async (t) => {
  const server = await startMailServer()
  const layout = templateFile('layout.html', '<p>{{ preheader }}</p>{{ content | raw }}')
  const files = new Map([
    ['layout.html', layout],
    ['email.md', templateFile('email.md', template)],
    ['email.txt', templateFile('email.txt', raw)],
  ])
  const compiled = email.compile({ files })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  const { renderer } = compiled
  const receiver = email.receiver.parse({ to: ['jane@example.org'] })
  const settings = email.settings.parse({ smtp: server.url, from: 'alerts@example.org' })
  const channel = email.open(settings, new Map([['r', receiver]]), channelEnvironment())
  t.teardown(async () => {
    await channel.close()
    await server.close()
  })

  const harmless = await shapeOf('harmless')
  t.equal(harmless.to, 'jane@example.org')
  t.strictSame(harmless.parts, ['text/plain', 'text/html'])
  await fc.assert(
    fc.asyncProperty(fc.oneof(hostile, anyText({ maxLength: 200 })), async (value) => {
      t.strictSame(await shapeOf(value), harmless)
    }),
    { numRuns: 80 },
  )

  async function shapeOf(value: string) {
    const rendered = renderer.render(exampleView('analysis.created', { data: value }))
    if (!rendered.ok) throw new Error(rendered.reason)
    server.messages.length = 0
    const outcome = await channel.send(rendered.message, {
      id: 'evt-1',
      receiver: 'r',
      target: 'jane@example.org',
      ...alone,
    })
    if (outcome.kind !== 'sent') throw new Error(outcome.reason)
    const [message, ...more] = server.messages
    if (message === undefined || more.length > 0) throw new Error(`${more.length + 1} messages`)
    const parsed = await PostalMime.parse(message.raw)
    sameWords(parsed, rendered.message)
    return {
      envelope: [message.from, ...message.to],
      headers: parsed.headers.map(({ key }) => key),
      from: parsed.from?.address,
      to: parsed.to?.map(({ address }) => address).join(),
      copies: [parsed.cc, parsed.bcc],
      attachments: parsed.attachments.length,
      parts: partsOf(String(message.raw)),
    }
  }

  function partsOf(message: string): (string | undefined)[] {
    const boundary = /^Content-Type: multipart\/alternative; boundary="([^"]+)"/m.exec(message)?.[1]
    return message
      .split(`\r\n--${boundary}`)
      .slice(1, -1)
      .map((part) => /^\r\nContent-Type: ([^;]+);/.exec(part)?.[1])
  }

  function sameWords(parsed: Email, sent: { subject: string; text: string; html: string }) {
    const flat = (words: string | undefined) =>
      (words ?? '')
        .toWellFormed()
        .replaceAll(/\r\n|\r/g, '\n')
        .trimEnd()
    t.equal(parsed.subject?.trim(), sent.subject.trim())
    t.equal(flat(parsed.text), flat(sent.text))
    t.equal(flat(parsed.html), flat(sent.html))
  }
})

// Nodemailer would correct others; here messages go past that, for the sake of speed.
t.test('every line break of a mail is CRLF', async (t) => {
  const part = fc.oneof(hostile, anyText({ maxLength: 100 }))
  fc.assert(
    fc.property(part, part, part, part, (subject, text, html, receiver) => {
      const from = { name: subject, address: 'alerts@example.org' }
      const to = { name: text, address: 'jane@example.org' }
      const message = compose({
        fixed: fixedHeaders({ from, reply_to: to }, to, receiver),
        subject,
        messageId: messageId(subject, from),
        deliveryId: receiver,
        thread: null,
        date: new Date(0),
        text,
        html,
      })
      return !/(?<!\r)\n|\r(?!\n)/.test(message.toString('latin1'))
    }),
    { numRuns: 300 },
  )
  t.pass()
})
