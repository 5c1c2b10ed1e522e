/** Checks the mail server: connects, encrypts, logs in, and sends nothing. */
import { type Finding, fine, warning, wrong } from '../../core/finding.ts'
import { isLoopback } from '../../network/loopback.ts'
import type { Proxies } from '../../network/proxies.ts'
import type { ChannelDoctor } from '../doctor.ts'
import { wireAddress } from './address.ts'
import type { LoginProblem } from './oauth/problem.ts'
import { tokenUrl } from './oauth/request.ts'
import { openTokens, type Tokens } from './oauth/tokens.ts'
import { sessionSettings, setupOf } from './sending/connection.ts'
import { diagnose } from './sending/outcome.ts'
import { Session } from './sending/session.ts'
import type { SmtpFailure } from './sending/smtp-failure.ts'
import { type EmailReceiver, type EmailSettings, parseSmtpUrl, type SmtpServer } from './settings.ts'

const UNTIL_FIXED = 'Mail waits until this is fixed. It is then sent, or can be resent.'

export const emailDoctor: ChannelDoctor<EmailSettings, EmailReceiver> = {
  async check(settings, _receivers, timeoutMs, proxies) {
    const server = settings && parseSmtpUrl(settings.smtp.reveal())
    if (!settings || !server) return []
    if (settings.oauth2 === undefined) return checkMailServer(settings, server, timeoutMs, null)
    const tokens = openTokens(settings.oauth2, wireAddress(settings.from.address), {
      timeout: timeoutMs,
      proxies,
    })
    try {
      const issued = await checkToken(tokens, proxies)
      if (issued.level === 'wrong') return [issued]
      return [issued, ...(await checkMailServer(settings, server, timeoutMs, tokens))]
    } finally {
      await tokens.close()
    }
  },
}

/** The first step of a login with tokens. */
async function checkToken(tokens: Tokens, proxies: Proxies): Promise<Finding> {
  const url = new URL(tokenUrl(tokens.settings))
  const proxy = proxies.for(url)
  const through = proxy === null ? '' : `, through the proxy ${proxy.name}`
  const result = await tokens.get()
  if (!result.ok) return loginFailed(result.problem, result.problem.summary, 'The token server said')
  const minutes = Math.round(result.token.lifetimeMs / 60_000)
  return fine('oauth_token', `${url.host} issues access tokens, valid for ${minutes} min${through}`)
}

function loginFailed({ code, hint, reason }: LoginProblem, summary: string, who: string): Finding {
  return wrong(code, summary, `${who}: ${reason}\n${UNTIL_FIXED}`, hint)
}

async function checkMailServer(
  settings: EmailSettings,
  server: SmtpServer,
  timeoutMs: number,
  tokens: Tokens | null,
): Promise<readonly Finding[]> {
  const timeouts = { connectMs: timeoutMs, answerMs: timeoutMs, acceptMs: timeoutMs }
  const session = new Session(sessionSettings(settings, server, timeouts, tokens))
  try {
    const failure = await session.open()
    if (failure !== null) return [failed(failure, settings, server)]
    const encrypted = session.encrypted
    // A server may greet and then not answer.
    if (!(await session.reset())) return [notAnswering(server)]
    return [working(settings, server, encrypted)]
  } finally {
    session.close()
  }
}

function nameOf({ host, port }: SmtpServer): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function working({ from, oauth2 }: EmailSettings, server: SmtpServer, encrypted: boolean): Finding {
  const login = loginWords(server, oauth2 && (oauth2.user ?? from.address))
  const summary = `${nameOf(server)} answers, ${encrypted ? 'encrypted' : 'not encrypted'}, ${login}`
  // SMTP offers no way to ask before sending a mail.
  const sender = `Only the first mail shows whether it accepts ${from.address} as the sender.`
  if (encrypted || isLoopback(server.host)) return { ...fine('smtp_ok', summary), meaning: sender }
  const what = server.credentials === null ? 'Mail crosses' : 'Mail and the password cross'
  const hint = 'set channels.email.tls to required, or use smtps://'
  return warning(
    'smtp_not_encrypted',
    summary,
    `${what} the network without encryption, where others can read it. ${sender}`,
    hint,
  )
}

/** `user`: who logs in with a token; undefined if there are no tokens. */
function loginWords({ credentials }: SmtpServer, user: string | undefined): string {
  if (user !== undefined) return `the access token is accepted for ${user}`
  return credentials === null ? 'without a login' : 'the login is accepted'
}

function notAnswering(server: SmtpServer): Finding {
  const hint = 'try again; if this persists, ask the administrator of the mail server'
  return wrong(
    'smtp_silent',
    `${nameOf(server)} sends its greeting, but then does not answer`,
    UNTIL_FIXED,
    hint,
  )
}

function failed(failure: SmtpFailure, settings: EmailSettings, server: SmtpServer): Finding {
  const { cause, words } = diagnose(failure, setupOf(settings, server))
  const said = failure.response === undefined ? `The error was: ${words}` : `The server said: ${words}`
  if (cause !== null)
    return wrong(cause.code, `${cause.summary} (${nameOf(server)})`, `${said}\n${UNTIL_FIXED}`, cause.hint)
  const { finding, what, hint } = unreachable(failure, server)
  return wrong(finding, `${nameOf(server)} ${what}`, `${said}\n${UNTIL_FIXED}`, hint)
}

interface Unreachable {
  readonly finding: string
  readonly what: string
  readonly hint: string
}

/** For failures that may pass by themselves. */
function unreachable(failure: SmtpFailure, server: SmtpServer): Unreachable {
  const { code, originalCode, timeout } = failure
  if (failure.response !== undefined) {
    const hint = 'try again in a few minutes; if this persists, ask the administrator of the mail server'
    return { finding: 'smtp_refused_now', what: 'currently refuses connections', hint }
  }
  if (code === 'EDNS') return notFound(originalCode, server)
  if (originalCode === 'ECONNREFUSED') {
    const hint = `start the mail server, or correct host and port in channels.email.smtp (usually 587 or 465)`
    return { finding: 'smtp_not_listening', what: 'refuses the connection: nothing listens there', hint }
  }
  if (timeout === 'connection') {
    const hint = `check host and port in channels.email.smtp, and that no firewall blocks port ${server.port}: many networks block 25`
    return { finding: 'smtp_timeout', what: 'does not accept the connection in time', hint }
  }
  if (timeout !== undefined) return slow(server)
  if (failure.step !== 'greeting' || code === 'ECONNECTION' || originalCode === 'ECONNRESET') {
    const hint =
      'check the port in channels.email.smtp, and whether the mail server and any firewall allow the address of this machine'
    return { finding: 'smtp_closed', what: 'closes the connection without an answer', hint }
  }
  const hint = 'check host and port in channels.email.smtp, and the network of this machine'
  return { finding: 'smtp_unreachable', what: 'cannot be reached', hint }
}

function notFound(code: string | undefined, { host }: SmtpServer): Unreachable {
  const what = 'cannot be found'
  if (code === 'EAI_AGAIN' || code === 'ETIMEOUT') {
    return {
      finding: 'smtp_dns_down',
      what,
      hint: 'check the DNS servers of this machine: they do not answer',
    }
  }
  const hint = `correct the host name in channels.email.smtp, or the DNS of ${host}`
  return { finding: 'smtp_no_host', what, hint }
}

/** The server accepted the connection, but did not answer. */
function slow({ secure }: SmtpServer): Unreachable {
  const other = secure ? 'smtp://' : 'smtps://'
  const hint = `try again with --timeout 60s: some servers make a client wait; if it never answers, the port may expect ${other} in channels.email.smtp`
  return { finding: 'smtp_silent', what: 'accepts the connection but does not answer in time', hint }
}
