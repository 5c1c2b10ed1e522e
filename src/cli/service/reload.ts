import { loadService } from '../../config/part.ts'
import { ownProperty } from '../../core/json.ts'
import type { Secret } from '../../core/secret.ts'
import { type Context, problemLine, type Register, summary } from '../context.ts'
import { CommandError, colour, print, printJson, type Terminal } from '../terminal.ts'
import { type Answer, at, baseOf, postTo, postToSocket, serviceUrl } from './client.ts'

interface ReloadFlags {
  readonly url?: string
  readonly json?: boolean
}

const RELOAD = '/-/reload'
const WITHOUT_TOKEN =
  'set server.admin_socket, or server.admin_token, and restart the service once; until then `systemctl reload hookbridge`, or `kill -HUP` and its process id, reloads it'
const OLD_TOKEN =
  'the service has another server.admin_token: it may have changed in the file since it was loaded, and then `systemctl reload hookbridge`, or `kill -HUP` and its process id, makes the service take it over'

export const registerReload: Register = (hookbridge, context) => {
  hookbridge
    .command('reload')
    .description('make the running service load the configuration; exit 1 if it does not')
    .option('--url <url>', 'the service (default: server.admin_socket, else where it listens)')
    .option('--json', "print the service's answer as JSON")
    .action((options: ReloadFlags) => reload(context, options))
}

async function reload({ terminal, file }: Context, flags: ReloadFlags): Promise<void> {
  const loaded = loadService(file(), terminal.env)
  if (!loaded.ok) {
    for (const problem of loaded.problems)
      print(terminal, colour(terminal, 'red', problemLine(terminal, problem)))
    throw new CommandError(`${summary(loaded.problems)}; the service was not asked`)
  }
  const { admin_token: token, admin_socket: socket } = loaded.service
  const answer =
    socket !== undefined && flags.url === undefined
      ? await postToSocket(terminal, socket, RELOAD)
      : await askWithToken(
          terminal,
          flags.url === undefined ? serviceUrl(loaded.service) : baseOf(flags.url),
          token,
        )
  if (flags.json) printJson(terminal, answer.body)
  printAnswer(terminal, answer, flags.json === true)
}

async function askWithToken(terminal: Terminal, url: string, token: Secret | undefined): Promise<Answer> {
  if (token === undefined) throw new CommandError(`server.admin_token is not set: ${WITHOUT_TOKEN}`)
  return postTo(
    terminal,
    at(url, RELOAD),
    { authorization: `Bearer ${token.reveal()}` },
    '',
    'the old one, where server.host or server.port has just changed',
  )
}

function printAnswer(terminal: Terminal, { status, text, body }: Answer, quiet: boolean): void {
  const lines = (key: string, style: 'red' | 'yellow') => {
    if (quiet) return
    for (const line of texts(body, key)) print(terminal, colour(terminal, style, line))
  }
  if (status === 200) {
    lines('notices', 'yellow')
    if (quiet) return
    const changed = texts(body, 'changed').join(', ')
    print(
      terminal,
      colour(terminal, 'green', changed === '' ? 'reloaded: no change' : `reloaded: ${changed}`),
    )
    return
  }
  lines('problems', 'red')
  if (status === 401) throw new CommandError(OLD_TOKEN)
  if (status === 404)
    throw new CommandError(`the service was started without server.admin_token: ${WITHOUT_TOKEN}`)
  const message = ownProperty(body, 'message')
  throw new CommandError(`not reloaded: ${typeof message === 'string' ? message : `${status} ${text}`}`)
}

function texts(body: unknown, key: string): readonly string[] {
  const list = ownProperty(body, key)
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : []
}
