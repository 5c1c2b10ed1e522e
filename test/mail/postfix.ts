/** Debian's Postfix with a configuration of its own, for as long as a test lasts. Needs root. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../support/ports.ts'
import { temporaryFolder } from '../support/service.ts'

/** Parameters of smtpd(8), as main.cf names them. */
export type Smtpd = Readonly<Record<string, string>>

export interface PostfixOptions<Name extends string> {
  /** Each listens on a port of its own. */
  readonly listeners: Readonly<Record<Name, Smtpd>>
  /** Whom it hands the mails to that it accepts. */
  readonly relayPort: number
  /** In PEM. */
  readonly certificate: { readonly cert: string; readonly key: string }
  /** Where logins are checked: a port of 127.0.0.1 at which Dovecot's auth service listens. */
  readonly authPort: number
}

export interface Postfix<Name extends string> {
  readonly ports: Readonly<Record<Name, number>>
  /** What it logged until now. */
  log(): string
}

const SERVICES = `
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

export async function startPostfix<Name extends string>(
  t: Test,
  { listeners, relayPort, certificate, authPort }: PostfixOptions<Name>,
): Promise<Postfix<Name>> {
  const folder = temporaryFolder(t)
  // Its processes run as users of their own.
  chmodSync(folder, 0o755)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const [spool, data] = ['spool', 'data'].map((name) => {
    mkdirSync(join(folder, name))
    return join(folder, name)
  })
  execFileSync('chown', ['postfix', String(data)])
  const main: Smtpd = {
    compatibility_level: '3.6',
    queue_directory: String(spool),
    data_directory: String(data),
    maillog_file: file('log', ''),
    maillog_file_prefixes: folder,
    myhostname: 'mail.test',
    mydestination: '',
    // Postfix exempts its own networks from limits, and relays for them.
    mynetworks: '',
    smtpd_client_event_limit_exceptions: '',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    relay_domains: 'example.org',
    relay_transport: `smtp:[127.0.0.1]:${relayPort}`,
    default_transport: `smtp:[127.0.0.1]:${relayPort}`,
    smtpd_tls_cert_file: file('cert.pem', certificate.cert),
    smtpd_tls_key_file: file('key.pem', certificate.key),
    smtpd_tls_security_level: 'may',
    smtpd_sasl_type: 'dovecot',
    smtpd_sasl_path: `inet:127.0.0.1:${authPort}`,
    // How long a client that was refused has to wait for the reply.
    smtpd_error_sleep_time: '0',
  }
  file(
    'main.cf',
    Object.entries(main)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(''),
  )
  const ports = new Map<string, number>()
  for (const name of Object.keys(listeners)) ports.set(name, freePort())
  const listening = Object.entries<Smtpd>(listeners).map(([name, parameters]) => {
    const options = Object.entries(parameters).map(([key, value]) => ` -o { ${key} = ${value} }`)
    return `127.0.0.1:${ports.get(name)} inet n - n - - smtpd${options.join('')}\n`
  })
  file('master.cf', SERVICES + listening.join(''))
  t.teardown(() => execFileSync('postfix', ['-c', folder, 'stop'], { stdio: 'ignore' }))
  const log = () => readFileSync(join(folder, 'log'), 'utf8')
  try {
    // Its daemons keep what they are given: a pipe would never end.
    execFileSync('postfix', ['-c', folder, 'start'], { stdio: 'ignore' })
  } catch (error) {
    throw new Error(`Postfix does not start:\n${log()}`, { cause: error })
  }
  return { ports: Object.fromEntries(ports) as Record<Name, number>, log }
}
