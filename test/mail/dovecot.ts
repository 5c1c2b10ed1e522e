/** Debian's Dovecot as a submission server, with a configuration of its own, for as long as a test lasts. Needs root. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../support/ports.ts'
import { temporaryFolder } from '../support/service.ts'
import { run } from './running.ts'

export interface DovecotOptions {
  /** As Dovecot spells them: `xoauth2 oauthbearer`. */
  readonly mechanisms: string
  /** Where it asks about tokens (RFC 7662). */
  readonly introspection: string
  /** Whom it hands the mails to. */
  readonly relayPort: number
  /** In PEM. */
  readonly certificate: { readonly cert: string; readonly key: string }
}

export interface Dovecot {
  readonly port: number
  /** What it logged until now. */
  log(): string
}

export async function startDovecot(t: Test, options: DovecotOptions): Promise<Dovecot> {
  const folder = temporaryFolder(t)
  // Its processes run as users of their own.
  chmodSync(folder, 0o755)
  const file = (name: string, text = '') => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const port = freePort()
  const log = file('log')
  chmodSync(log, 0o666)
  mkdirSync(join(folder, 'run'))
  const home = join(folder, 'home')
  mkdirSync(home)
  chmodSync(home, 0o777)
  const oauth2 = file(
    'oauth2.conf.ext',
    `introspection_mode = post
introspection_url = ${options.introspection}
username_attribute = username
active_attribute = active
active_value = true
`,
  )
  const configuration = `
base_dir = ${join(folder, 'run')}
state_dir = ${join(folder, 'run')}
log_path = ${log}
auth_verbose = yes
auth_failure_delay = 0
hostname = mail.test
listen = 127.0.0.1
protocols = submission
auth_mechanisms = ${options.mechanisms}
ssl = yes
ssl_cert = <${file('cert.pem', options.certificate.cert)}
ssl_key = <${file('key.pem', options.certificate.key)}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${oauth2}
}
passdb {
  driver = static
  mechanisms = plain login
  args = password=correct-horse
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${home}
}
mail_location = maildir:~/mail
first_valid_uid = 1
submission_relay_host = 127.0.0.1
submission_relay_port = ${options.relayPort}
# Without it a refused login does not make the next ones wait.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service submission-login {
  inet_listener submission {
    port = ${port}
  }
}
`
  await run(t, 'dovecot', ['-F', '-c', file('dovecot.conf', configuration)], port)
  return { port, log: () => readFileSync(log, 'utf8') }
}

/** Its auth service alone, with one password for every user. Returns the port that Postfix asks. */
export async function startDovecotAuth(t: Test, password: string): Promise<number> {
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'run'))
  const port = freePort()
  const configuration = `
base_dir = ${join(folder, 'run')}
state_dir = ${join(folder, 'run')}
log_path = ${join(folder, 'log')}
auth_failure_delay = 0
listen = 127.0.0.1
protocols =
ssl = no
auth_mechanisms = plain login
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${folder}
}
first_valid_uid = 1
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  inet_listener {
    address = 127.0.0.1
    port = ${port}
  }
}
`
  const file = join(folder, 'dovecot.conf')
  writeFileSync(file, configuration)
  await run(t, 'dovecot', ['-F', '-c', file], port)
  return port
}
