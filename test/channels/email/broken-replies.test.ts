/** What becomes of a mail where the server's answer is no reply of SMTP, or breaks off. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import t from 'tap'
import { email } from '../../../src/channels/email/email.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment, IN_TIME_MS } from '../../support/channel-environment.ts'

type Verb = 'greeting' | 'EHLO' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA'

interface Script {
  /** Instead of the usual replies, as it goes over the wire. */
  readonly replies?: Partial<Record<Verb, string>>
  /** What it says when it has the message. */
  readonly accepts?: string
  /** Closes the connection after this reply. */
  readonly closesAfter?: Verb
  readonly extensions?: readonly string[]
}

interface ScriptedServer {
  readonly url: string
  readonly connections: number
}

/** Answers each command with one text, whatever it is. */
async function startScripted(
  t: { teardown(action: () => Promise<void>): unknown },
  { replies = {}, accepts = '250 2.0.0 ok\r\n', closesAfter, extensions = [] }: Script,
): Promise<ScriptedServer> {
  const usual: Readonly<Record<string, string>> = {
    greeting: '220 mail.example.com ESMTP\r\n',
    EHLO: ['mail.example.com', ...extensions, 'AUTH PLAIN']
      .map((line, index, lines) => `250${index < lines.length - 1 ? '-' : ' '}${line}\r\n`)
      .join(''),
    AUTH: '235 2.7.0 ok\r\n',
    DATA: '354 go on\r\n',
  }
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    let isMessage = false
    const answer = (verb: string) => {
      if (!socket.writable) return
      const reply = replies[verb as Verb] ?? usual[verb] ?? '250 ok\r\n'
      if (verb === closesAfter) socket.end(reply)
      else socket.write(reply)
      if (verb === 'DATA') isMessage = reply.startsWith('354')
    }
    answer('greeting')
    createInterface({ input: socket }).on('line', (line) => {
      if (!isMessage) return answer(line.slice(0, 4))
      if (line !== '.') return
      isMessage = false
      socket.write(accepts)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `smtp://alerts:secret@127.0.0.1:${port}`,
    get connections() {
      return connections
    },
  }
}

const mail = { preheader: '', subject: 'Analysis completed', html: '<p>Done.</p>', text: 'Done.\n' }
const EXTENSIONS = [[], ['PIPELINING']] as const

function openChannel(t: { teardown(action: () => Promise<void>): unknown }, smtp: string) {
  const channel = email.open(
    email.settings.parse({ from: 'alerts@example.org', smtp }),
    new Map(),
    channelEnvironment(IN_TIME_MS),
  )
  t.teardown(() => channel.close())
  const send = () =>
    channel.send(mail, { id: 'evt_1-1', receiver: 'partners', target: 'jane@example.org', ...alone })
  return { send }
}

t.test('an answer that is no refusal of SMTP refuses nothing', async (t) => {
  for (const extensions of EXTENSIONS) {
    for (const verb of ['AUTH', 'MAIL', 'RCPT', 'DATA'] as const) {
      for (const answer of ['what', '354 what', '999 what', '150 what', 'HTTP/1.1 400 Bad Request']) {
        // 354 is what DATA waits for.
        if (verb === 'DATA' && answer.startsWith('354')) continue
        const server = await startScripted(t, { extensions, replies: { [verb]: `${answer}\r\n` } })
        const { send } = openChannel(t, server.url)
        const words = `${answer} at ${verb} ${extensions}`
        t.strictSame(await send(), { kind: 'retry', reason: answer }, words)
        await send()
        t.equal(server.connections, 2, 'the server may be out of step: the connection is not used again')
      }
    }
  }
})

t.test('after the message such an answer leaves open whether it was taken', async (t) => {
  for (const accepts of ['what\r\n', '354 what\r\n']) {
    const { send } = openChannel(t, (await startScripted(t, { accepts })).url)
    t.match(await send(), { kind: 'ambiguous', reason: /no answer to the message: .*what/ }, accepts)
  }
})

t.test('a refusal that breaks off with the connection belongs to the command that it answers', async (t) => {
  const cases: readonly [Verb, string, object][] = [
    ['greeting', '554 no service here', { kind: 'park', reason: /mail from this machine.*\(554 no service/ }],
    ['EHLO', '550 5.7.1 no', { kind: 'park', reason: /\(EHLO\).*\(550 5\.7\.1 no\)/ }],
    ['AUTH', '535 5.7.8 no', { kind: 'park', reason: /does not accept the login.*\(535 5\.7\.8 no\)/ }],
    ['MAIL', '550 5.1.0 no', { kind: 'park', reason: /refuses the sender.*\(550 5\.1\.0 no\)/ }],
    ['RCPT', '550 5.1.1 no', { kind: 'refuse', reason: /refuses the recipient.*\(550 5\.1\.1 no\)/ }],
    ['RCPT', '550 5.7.1 no', { kind: 'refuse', reason: /refuses the recipient.*\(550 5\.7\.1 no\)/ }],
    ['RCPT', '450 4.2.0 no', { kind: 'retry', reason: '450 4.2.0 no' }],
    ['DATA', '554 5.7.1 no', { kind: 'refuse', reason: /for what it contains.*\(554 5\.7\.1 no\)/ }],
    ['RCPT', '4', { kind: 'retry', reason: /closed/ }],
    ['RCPT', '550-5.1.1 no\r\n', { kind: 'retry', reason: /closed/ }],
  ]
  for (const extensions of EXTENSIONS) {
    for (const [verb, reply, outcome] of cases) {
      const server = await startScripted(t, { extensions, replies: { [verb]: reply }, closesAfter: verb })
      const { send } = openChannel(t, server.url)
      t.match(await send(), outcome, `${JSON.stringify(reply)} at ${verb} ${extensions}`)
    }
  }
})
