/** Checks the mail server: connects, encrypts, logs in, and sends nothing. */
import { type Finding, fine, warning, wrong } from '../../core/finding.ts'
import type { ChannelDoctor } from '../doctor.ts'
import { secretsOf, sessionSettings } from './sending/connection.ts'
import { diagnose } from './sending/outcome.ts'
import { Session, type SmtpFailure } from './sending/session.ts'
import {
  type EmailReceiver,
  type EmailSettings,
  isLoopback,
  parseSmtpUrl,
  type SmtpServer,
} from './settings.ts'

const UNTIL_FIXED = 'Mail waits meanwhile; once this is fixed it goes out, or can be resent.'

export const emailDoctor: ChannelDoctor<EmailSettings, EmailReceiver> = {
  async check(settings, _receivers, timeoutMs) {
    const server = settings && parseSmtpUrl(settings.smtp.reveal())
    return settings && server ? checkMailServer(settings, server, timeoutMs) : []
  },
}

async function checkMailServer(
  settings: EmailSettings,
  server: SmtpServer,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const timeouts = { stepTimeoutMs: timeoutMs, acceptTimeoutMs: timeoutMs }
  const session = new Session(sessionSettings(settings, server, timeouts))
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

function working({ from }: EmailSettings, server: SmtpServer, encrypted: boolean): Finding {
  const login = server.credentials === null ? 'without a login' : 'the login is accepted'
  const summary = `${nameOf(server)} answers, ${encrypted ? 'encrypted' : 'not encrypted'}, ${login}`
  // SMTP has no way to ask before a mail is on its way.
  const sender = `Whether it takes mail from ${from.address} shows with the first mail.`
  if (encrypted || isLoopback(server.host)) return { ...fine('smtp_ok', summary), meaning: sender }
  const what = server.credentials === null ? 'Mail crosses' : 'Mail and the password cross'
  const hint = 'set channels.email.tls to required, or use smtps://'
  return warning(
    'smtp_not_encrypted',
    summary,
    `${what} the network where others can read it. ${sender}`,
    hint,
  )
}

function notAnswering(server: SmtpServer): Finding {
  const hint = 'try again; if it stays so, ask who runs the mail server'
  return wrong('smtp_silent', `${nameOf(server)} took the connection and does not answer`, UNTIL_FIXED, hint)
}

function failed(failure: SmtpFailure, settings: EmailSettings, server: SmtpServer): Finding {
  const { error, reason } = diagnose(failure, secretsOf(settings, server))
  const said = failure.response === undefined ? `The error was: ${reason}` : `The server said: ${reason}`
  if (error !== null)
    return wrong(error.code, `${error.summary} (${nameOf(server)})`, `${said}\n${UNTIL_FIXED}`, error.hint)
  const { finding, what, hint } = unreachable(failure, server)
  return wrong(finding, `${nameOf(server)} ${what}`, `${said}\n${UNTIL_FIXED}`, hint)
}

/** For failures that may pass by themselves. */
function unreachable(
  failure: SmtpFailure,
  { host, port }: SmtpServer,
): { finding: string; what: string; hint: string } {
  const code = failure.originalCode ?? failure.code ?? ''
  if (failure.response !== undefined) {
    const hint = 'try again in some minutes; if it stays so, ask who runs the mail server'
    return { finding: 'smtp_refused_now', what: 'refuses connections now', hint }
  }
  if (failure.code === 'EDNS') {
    return {
      finding: 'smtp_no_host',
      what: 'cannot be found',
      hint: `correct the host name in channels.email.smtp, or the DNS of ${host}`,
    }
  }
  if (code === 'ECONNREFUSED') {
    const hint = `start the mail server, or correct host and port in channels.email.smtp (usual are 587 and 465)`
    return { finding: 'smtp_not_listening', what: 'refuses the connection: nothing listens there', hint }
  }
  if (failure.code === 'ETIMEDOUT') {
    const hint = `check that no firewall blocks port ${port}, and host and port in channels.email.smtp`
    return { finding: 'smtp_timeout', what: 'does not answer in time', hint }
  }
  const hint = 'check host and port in channels.email.smtp, and the network'
  return { finding: 'smtp_unreachable', what: 'cannot be reached', hint }
}
