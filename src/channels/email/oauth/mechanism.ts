/** The login with an access token: XOAUTH2 (Google's, Microsoft's) and OAUTHBEARER (RFC 7628). */
import type { SMTPConnectionCustomAuthHandler } from 'nodemailer/lib/smtp-connection'

export type BearerMechanism = (typeof BEARER_MECHANISMS)[number]

/** The preferred one first: OAUTHBEARER is the standard, and Microsoft supports only XOAUTH2. */
const BEARER_MECHANISMS = ['OAUTHBEARER', 'XOAUTH2'] as const
/** The password mechanisms of nodemailer. */
const PASSWORD_MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5']

/** The name of nodemailer's custom handler: it would replace XOAUTH2 by the first mechanism that takes a password. */
export const BEARER_LOGIN = 'BEARER'

const SOH = '\x01'

/** The mechanisms in the server's answer to EHLO; `AUTH=` is an old spelling that some servers send as well. */
export function mechanismsOf(ehlo: string): string[] {
  const lists = [...ehlo.matchAll(/^250[ -]AUTH[ =](.*)$/gim)].map(([, list = '']) => list)
  const names = lists.flatMap((list) => list.toUpperCase().split(/[\s=]+/))
  return [...new Set(names.filter((name) => name !== ''))]
}

export function bearerMechanism(offered: readonly string[]): BearerMechanism | null {
  return BEARER_MECHANISMS.find((name) => offered.includes(name)) ?? null
}

export function takesPassword(offered: readonly string[]): boolean {
  return PASSWORD_MECHANISMS.some((name) => offered.includes(name))
}

interface Login {
  readonly mechanism: BearerMechanism
  readonly user: string
  readonly token: string
  readonly host: string
  readonly port: number
}

/** What the client says first, in base64. */
export function initialResponse({ mechanism, user, token, host, port }: Login): string {
  const parts =
    mechanism === 'XOAUTH2'
      ? [`user=${user}`, `auth=Bearer ${token}`]
      : [`n,a=${saslName(user)},`, `host=${host}`, `port=${port}`, `auth=Bearer ${token}`]
  return Buffer.from(`${parts.join(SOH)}${SOH}${SOH}`).toString('base64')
}

/** RFC 5801, 4. */
function saslName(user: string): string {
  return user.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

/** For nodemailer's `customAuth`. Rejects with a Refusal if the server said why before it refused. */
export const bearerLogin: SMTPConnectionCustomAuthHandler = async ({ auth, sendCommand }) => {
  const { user, pass: token, options } = auth.credentials
  const { mechanism, host, port }: Pick<Login, 'mechanism' | 'host' | 'port'> = Object(options)
  const first = await sendCommand(
    `AUTH ${mechanism} ${initialResponse({ mechanism, user, token, host, port })}`,
  )
  if (isSuccess(first.response)) return
  if (!/^334\b/.test(first.response)) throw new Refusal('')
  // The server explains the refusal, and refuses once the client has said that it has read that: XOAUTH2 with an empty
  // line, OAUTHBEARER with ^A (RFC 7628, 3.2.3).
  const explanation = Buffer.from(first.response.slice(4), 'base64').toString('utf8')
  const last = await sendCommand(mechanism === 'XOAUTH2' ? '' : Buffer.from(SOH).toString('base64'))
  if (!isSuccess(last.response)) throw new Refusal(explanation)
}

function isSuccess(response: string): boolean {
  return response.startsWith('2')
}

/** Nodemailer adds the server's last answer. */
export class Refusal extends Error {
  /** Usually JSON with status and scope. Empty if the server gave none. */
  readonly explanation: string

  constructor(explanation: string) {
    super('the server refused the access token')
    this.explanation = explanation
  }
}
