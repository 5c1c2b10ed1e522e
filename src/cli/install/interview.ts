/** The questions of `init` on a terminal. Each answer is checked at once: its format, and then whether it works. */
import { channels } from '../../channels/channels.ts'
import { type Mistake, mistakes } from '../../config/answers.ts'
import type { CredentialName, Destinations } from '../../config/starter.ts'
import type { Finding } from '../../core/finding.ts'
import type { Proxies } from '../../network/proxies.ts'
import { proxiesOf } from '../context.ts'
import { showFinding, withProgress } from '../doctor/show.ts'
import { type Questions, withQuestions } from '../terminal/ask.ts'
import { CommandError, colour, print, type Terminal, textWidth, wrap } from '../terminal/terminal.ts'

export interface Interview {
  readonly destinations: Destinations
  readonly secrets: ReadonlyMap<CredentialName, string>
}

interface Asking {
  readonly terminal: Terminal
  readonly questions: Questions
  readonly proxies: Proxies
}

interface Question {
  readonly text: string
  readonly mistake: Mistake
  /** The input is not shown. */
  readonly secret?: boolean
  /** The answer if the person only presses Enter; without a default, the question is skipped. */
  readonly usual?: string
}

interface Answered<T> {
  readonly destination: T
  readonly secret: readonly [CredentialName, string]
}

const CHECK_TIMEOUT_MS = 10_000
const NEW_RECEIVER = 'the new receiver'
const PLACES = { slack: 'Slack', email: 'the mail server' } as const

/** Throws a CommandError if the input ends. */
export function interview(terminal: Terminal): Promise<Interview> {
  const proxies = proxiesOf(terminal)
  return withQuestions(terminal, async (questions) => {
    const asking: Asking = { terminal, questions, proxies }
    say(
      asking,
      'Press Enter to skip what you do not want, or do not have yet. Secrets do not show while you type.',
    )
    heading(asking, 'Cuuro')
    const signing = await ask(asking, {
      text: "Signing secret, from the webhook's page (whsec_…)",
      mistake: mistakes.signingSecret,
      secret: true,
    })
    heading(asking, 'Slack')
    const slack = await askSlack(asking)
    heading(asking, 'Mail')
    const email = await askMail(asking)
    print(terminal, '')
    return {
      destinations: { slack: slack?.destination ?? null, email: email?.destination ?? null },
      secrets: new Map([
        ...(signing === '' ? [] : [['cuuro', signing] as const]),
        ...(slack === null ? [] : [slack.secret]),
        ...(email === null ? [] : [email.secret]),
      ]),
    }
  })
}

function heading({ terminal }: Asking, text: string): void {
  print(terminal, `\n${colour(terminal, 'bold', text)}`)
}

function say({ terminal }: Asking, text: string): void {
  print(terminal, wrap(text, textWidth(terminal)).join('\n'))
}

/** Asks until the answer is valid; empty if there is none. */
async function ask({ terminal, questions }: Asking, question: Question): Promise<string> {
  const { text, mistake, secret = false, usual = '' } = question
  for (;;) {
    const shown = `  ${text}${usual === '' ? '' : ` [${usual}]`}: `
    const typed = await (secret ? questions.askSecret(shown) : questions.ask(shown))
    if (typed === null) throw new CommandError('nothing was written')
    const answer = typed === '' ? usual : typed
    const wrong = answer === '' ? null : mistake(answer)
    if (wrong === null) return answer
    showFinding(terminal, { level: 'wrong', summary: wrong, meaning: '', hint: '' })
  }
}

/** The same for a required answer. */
async function askFor(asking: Asking, question: Question): Promise<string> {
  for (;;) {
    const answer = await ask(asking, question)
    if (answer !== '') return answer
  }
}

async function askSlack(asking: Asking): Promise<Answered<Destinations['slack']> | null> {
  let channel = '#deal-flow'
  for (;;) {
    const secret = await ask(asking, {
      text: 'Bot token (xoxb-…), or the URL of an incoming webhook',
      mistake: (text) => (isUrl(text) ? mistakes.slackWebhook(text) : mistakes.slackToken(text)),
      secret: true,
    })
    if (secret === '') return null
    if (isUrl(secret)) {
      await works(asking, 'slack', {}, { webhook_url: secret })
      return { destination: 'webhook', secret: ['webhook', secret] }
    }
    channel = await askFor(asking, { text: 'Channel', mistake: mistakes.slackChannel, usual: channel })
    if (await works(asking, 'slack', { token: secret }, { channel }))
      return { destination: { channel }, secret: ['slack', secret] }
  }
}

async function askMail(asking: Asking): Promise<Answered<Destinations['email']> | null> {
  let [server, from, to] = ['', '', '']
  for (;;) {
    server = await ask(asking, {
      text: 'Mail server, such as smtp.example.com:587',
      mistake: (text) => mistakes.smtp(smtpUrl(text)),
      usual: server,
    })
    if (server === '') return null
    const smtp = await askLogin(asking, server)
    from = await askFor(asking, { text: 'From', mistake: mistakes.from, usual: from })
    to = await askFor(asking, { text: 'To, several with commas', mistake: mistakes.to, usual: to })
    if (await works(asking, 'email', { smtp, from }, { to: [to] }))
      return { destination: { from, to }, secret: ['smtp', smtp] }
  }
}

/** The URL with user and password, unless it has them. */
async function askLogin(asking: Asking, server: string): Promise<string> {
  if (server.includes('@')) return smtpUrl(server)
  const user = await ask(asking, { text: 'User name', mistake: () => null })
  if (user === '') return smtpUrl(server)
  const password = await askFor(asking, { text: 'Password', mistake: () => null, secret: true })
  return smtpUrl(server, `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`)
}

function smtpUrl(server: string, login = ''): string {
  const [, scheme = server.endsWith(':465') ? 'smtps' : 'smtp', rest = ''] =
    /^(?:(\w+):\/\/)?(.*)$/.exec(server) ?? []
  return `${scheme}://${login}${rest}`
}

function isUrl(text: string): boolean {
  return /^https?:/i.test(text)
}

/** Tests the answers with the server, as `doctor` does. Returns whether to keep them. */
async function works(
  { terminal, questions, proxies }: Asking,
  name: keyof typeof PLACES,
  given: Readonly<Record<string, string>>,
  place: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const channel = channels.find((one) => one.name === name)
  if (channel === undefined) throw new Error(`there is no channel ${name}`)
  const settings = channel.settings.parse(given)
  const receivers = new Map([[NEW_RECEIVER, channel.receiver.parse(place)]])
  const doubts = (channel.warnings?.(settings, receivers) ?? []).map(
    ({ message, hint }): Finding => ({ code: '', level: 'warning', summary: message, meaning: '', hint }),
  )
  const checked = (await channel.doctor?.())?.check(settings, receivers, CHECK_TIMEOUT_MS, proxies)
  const findings = [
    ...doubts,
    ...(await withProgress(terminal, PLACES[name], checked ?? Promise.resolve([]))),
  ]
  for (const finding of findings) showFinding(terminal, finding)
  if (findings.every(({ level }) => level !== 'wrong')) return true
  return questions.confirm('  Keep these answers all the same?')
}
