import { loadService } from '../../config/part.ts'
import { ownProperty } from '../../core/json/json.ts'
import type { Secret } from '../../core/secret.ts'
import { type Context, type Define, problemLine, summary } from '../context.ts'
import {
  CommandError,
  colour,
  print,
  printableLines,
  printJson,
  type Terminal,
  wrapped,
} from '../terminal/terminal.ts'
import { type Answer, at, baseOf, postTo, postToSocket, serviceUrl } from './client.ts'

interface ReloadFlags {
  readonly url?: string
  readonly json?: boolean
}

const RELOAD = '/-/reload'
const BY_SIGNAL = 'reload it with `systemctl reload hookbridge` or `kill -HUP PID`'
const WITHOUT_TOKEN = `neither server.admin_socket nor server.admin_token is set: set one and restart the service once; until then ${BY_SIGNAL}`
const STARTED_WITHOUT_TOKEN = `the service was started without server.admin_token: restart it, or ${BY_SIGNAL}`
const OLD_TOKEN = `the running service has a different server.admin_token; if you changed it since the last reload, ${BY_SIGNAL}`

export const defineReload: Define = (command, context) => {
  command
    .option('--url <url>', 'the service (default: server.admin_socket, else where it listens)')
    .option('--json', "print the service's answer as JSON")
    .action((options: ReloadFlags) => reload(context, options))
}

async function reload({ terminal, file }: Context, flags: ReloadFlags): Promise<void> {
  const loaded = loadService(file(), terminal.env)
  if (!loaded.ok) {
    for (const problem of loaded.problems)
      print(terminal, colour(terminal, 'red', problemLine(terminal, problem)))
    throw new CommandError(`${summary(loaded.problems)}; no request was sent to the service`)
  }
  const { admin_token: token, admin_socket: socket } = loaded.service
  const answer =
    socket !== undefined && flags.url === undefined
      ? await postToSocket(terminal, socket, RELOAD)
      : await askWithToken(flags.url === undefined ? serviceUrl(loaded.service) : baseOf(flags.url), token)
  if (flags.json) printJson(terminal, answer.body)
  printAnswer(terminal, answer, flags.json === true)
}

async function askWithToken(url: string, token: Secret | undefined): Promise<Answer> {
  if (token === undefined) throw new CommandError(WITHOUT_TOKEN)
  return postTo(at(url, RELOAD), { authorization: `Bearer ${token.reveal()}` })
}

function printAnswer(terminal: Terminal, { status, text, body }: Answer, quiet: boolean): void {
  const lines = (key: string, style: 'red' | 'yellow') => {
    if (quiet) return
    for (const text of texts(body, key)) {
      const [line = '', ...detail] = text.split('\n')
      print(terminal, [colour(terminal, style, wrapped(terminal, 'out', line)), ...detail].join('\n'))
    }
  }
  if (status === 200) {
    lines('warnings', 'yellow')
    if (quiet) return
    const changed = texts(body, 'changed').join(', ')
    // An older service does not list them.
    const pending = texts(body, 'pending').length
    const waits = pending === 1 ? '1 change waits' : `${pending} changes wait`
    const parts = [
      ...(changed === '' && pending > 0 ? ['reloaded'] : [`reloaded: ${changed || 'no change'}`]),
      ...(pending > 0 ? [`${waits} for a restart`] : []),
    ]
    print(terminal, colour(terminal, pending > 0 ? 'yellow' : 'green', parts.join('; ')))
    return
  }
  lines('problems', 'red')
  if (status === 401) throw new CommandError(OLD_TOKEN)
  if (status === 404) throw new CommandError(STARTED_WITHOUT_TOKEN)
  const message = ownProperty(body, 'message')
  throw new CommandError(`not reloaded: ${typeof message === 'string' ? message : `${status} ${text}`}`)
}

/** As a terminal may show them. */
function texts(body: unknown, key: string): readonly string[] {
  const list = ownProperty(body, key)
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string').map(printableLines) : []
}
