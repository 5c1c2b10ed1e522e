import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { jsonSchema } from '../config/json-schema.ts'
import { loadConfig, loadStoreUrl, type Setup } from '../config/load.ts'
import { formatProblem, type Problem } from '../config/problem.ts'
import { parseDuration } from '../config/units.ts'
import { type State, states } from '../core/delivery.ts'
import { openStore } from '../store/open.ts'
import { type Store, StoreRefused, StoreUnavailable } from '../store/store.ts'
import { listDeliveries, listEvents, showEvent } from './history.ts'
import { init } from './init.ts'
import { replay, resend } from './requeue.ts'
import { eventBody, send } from './send.ts'
import { CommandError, colour, type ExitCode, print, printJson, type Terminal } from './terminal.ts'

/** Parses the arguments and runs the command; resolves with the exit code. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await program(terminal).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof CommandError) {
      if (error.message !== '') terminal.err.write(`hookbridge: ${error.message}\n`)
      return error.exitCode
    }
    if (error instanceof StoreRefused || error instanceof StoreUnavailable) {
      terminal.err.write(`hookbridge: ${error.message}\n`)
      return 1
    }
    throw error
  }
}

function program(terminal: Terminal): Command {
  const hookbridge = new Command('hookbridge')
    .description('Turns signed webhooks into Slack messages and e-mails people act on.')
    .version(version(), '--version')
    .option('--config <file>', 'the configuration', terminal.env.HOOKBRIDGE_CONFIG || 'config.yaml')
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      getOutHelpWidth: () => terminal.out.columns ?? 80,
      getErrHelpWidth: () => terminal.out.columns ?? 80,
    })
    .showHelpAfterError('(--help shows how)')
    .exitOverride()
    .enablePositionalOptions(false)
  const file = () => resolve(terminal.cwd, hookbridge.opts<{ config: string }>().config)
  const command = (name: string, description: string) => hookbridge.command(name).description(description)

  command('serve', 'run the service').action(async () => {
    // What only one command needs is loaded by that command.
    const { serve } = await import('./serve.ts')
    await serve(terminal, load(terminal, file()))
  })

  command('check', 'check the configuration and its templates; exit 1 when something is wrong')
    .option('--json', 'print the problems as JSON')
    .action((options: { json?: boolean }) => check(terminal, file(), options.json === true))

  command('send', 'sign one event as the sender would, and post it to a running service')
    .option('--type <type>', 'the event type, as in analysis.completed')
    .option('--data <key=value...>', "the payload's data (default: a random id)")
    .option('--file <file>', 'a whole body instead, - for standard input')
    .option('--source <name>', 'the source to send as (default: the first)')
    .option('--url <url>', 'the service (default: where the configuration says it listens)')
    .option('--id <id>', "the message's id (default: a new one)")
    .option('--json', 'print the answer as JSON')
    .action((options: SendFlags) => sendCommand(terminal, load(terminal, file()), options))

  const events = command('events', 'list what was received, newest first')
  events
    .option('--type <type>', 'of this type')
    .option('--source <name>', 'of this source')
    .addOption(new Option('--kind <kind>', 'only these').choices(['routed', 'unrouted', 'quarantined']))
    .option('--since <duration>', 'received in the last … (30m, 7d)', duration)
    .option('--limit <number>', 'at most so many', positive, 50)
    .option('--json', 'print JSON')
    .action((options) =>
      withStore(file(), terminal, (store) => listEvents(terminal, store, sinceNow(options))),
    )
  events
    .command('show <id>')
    .description("one event with everything that happened to it; takes our id or the sender's")
    .option('--json', 'print JSON')
    .action((id: string, _options, self: Command) =>
      withStore(file(), terminal, (store) =>
        showEvent(terminal, store, id, self.optsWithGlobals().json === true),
      ),
    )

  command('deliveries', 'list messages owed and sent, newest first')
    .option('--state <state...>', `in this state: ${states.join(', ')}`, state)
    .option('--receiver <name>', 'for this receiver')
    .option('--channel <name>', 'by this channel')
    .option('--since <duration>', 'created in the last … (30m, 7d)', duration)
    .option('--limit <number>', 'at most so many', positive, 50)
    .option('--json', 'print JSON')
    .action((options) =>
      withStore(file(), terminal, (store) => listDeliveries(terminal, store, sinceNow(options))),
    )

  command('resend [ids...]', 'attempt finished deliveries again')
    .option('--state <state...>', 'all in this state', state)
    .option('--receiver <name>', 'all for this receiver')
    .option('--channel <name>', 'all by this channel')
    .option('--since <duration>', 'created in the last … (30m, 7d)', duration)
    .option('--json', 'print JSON')
    .action((ids: string[], { json, state, ...filter }) =>
      withStore(file(), terminal, (store) =>
        resend(terminal, store, ids, { ...sinceNow(filter), ...(state && { states: state }) }, json === true),
      ),
    )

  command('replay <ids...>', 'route stored events again, as the configuration says now')
    .option('--json', 'print JSON')
    .action((ids: string[], options: { json?: boolean }) => {
      const setup = load(terminal, file())
      return withStore(file(), terminal, (store) =>
        replay(terminal, store, setup, ids, options.json === true),
      )
    })

  command('init [folder]', 'write a commented config.yaml and the templates, to start from').action(
    (folder: string | undefined) => init(terminal, resolve(terminal.cwd, folder ?? '.')),
  )

  command('schema', 'print the JSON schema of the configuration, for editors').action(() =>
    printJson(terminal, jsonSchema()),
  )

  command('demo', 'show the whole way on this machine, with a Slack stand-in and a real mail server')
    .option('--keep', 'leave it running')
    .action(async (options: { keep?: boolean }) => {
      const { demo } = await import('./demo.ts')
      await demo(terminal, options.keep === true)
    })

  return hookbridge
}

interface SendFlags {
  readonly type?: string
  readonly data?: readonly string[]
  readonly file?: string
  readonly source?: string
  readonly url?: string
  readonly id?: string
  readonly json?: boolean
}

async function sendCommand(terminal: Terminal, { config }: Setup, flags: SendFlags): Promise<void> {
  const names = Object.keys(config.sources)
  const source = flags.source ?? names[0] ?? ''
  const secret = config.sources[source]?.svix.secrets[0]
  if (secret === undefined)
    throw new CommandError(`no source "${source}"; the configuration has ${names.join(', ')}`, 2)
  const host =
    config.server.host === '0.0.0.0' || config.server.host === '::' ? '127.0.0.1' : config.server.host
  await send(terminal, {
    url: flags.url ?? `http://${host}:${config.server.port}`,
    source,
    secret,
    body: eventBody(flags.type, flags.data ?? [], flags.file),
    messageId: flags.id ?? `msg_${crypto.randomUUID()}`,
    ...(flags.json && { json: true }),
  })
}

function check(terminal: Terminal, file: string, json: boolean): void {
  const loaded = loadConfig(file, terminal.env)
  const problems = loaded.ok ? loaded.warnings : loaded.problems
  if (json) printJson(terminal, problems)
  else if (problems.length > 0)
    print(terminal, problems.map((problem) => coloured(terminal, problem)).join('\n'))
  if (!loaded.ok) throw new CommandError(json ? '' : summary(problems))
  if (!json)
    print(terminal, colour(terminal, 'green', `${file}: fine${problems.length > 0 ? ', with warnings' : ''}`))
}

/** Loads the configuration, or fails with every problem it has. */
function load(terminal: Terminal, file: string): Setup {
  const loaded = loadConfig(file, terminal.env)
  if (loaded.ok) {
    for (const warning of loaded.warnings) terminal.err.write(`${formatProblem(warning)}\n`)
    return loaded.setup
  }
  for (const problem of loaded.problems) terminal.err.write(`${formatProblem(problem)}\n`)
  throw new CommandError(summary(loaded.problems))
}

function coloured(terminal: Terminal, problem: Problem): string {
  return colour(terminal, problem.severity === 'error' ? 'red' : 'yellow', formatProblem(problem))
}

function summary(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return `${errors} ${errors === 1 ? 'problem' : 'problems'} in the configuration; nothing was started`
}

/** The history needs only where the store is: it is there even while the rest of the configuration is broken. */
async function withStore(
  file: string,
  terminal: Terminal,
  use: (store: Store) => Promise<void>,
): Promise<void> {
  const url = loadStoreUrl(file, terminal.env)
  if (!url.ok) throw new CommandError(url.problems.map(formatProblem).join('\n'))
  const store = await openStore(url.url, 'operator')
  try {
    await use(store)
  } finally {
    await store.close()
  }
}

function sinceNow<T extends { since?: number }>(options: T): T {
  return options.since === undefined ? options : { ...options, since: Date.now() - options.since }
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new InvalidArgumentError('a duration is written 30m, 12h or 7d')
  return ms
}

function positive(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('a whole number above 0')
  return number
}

function state(text: string, before: readonly State[] = []): State[] {
  const found = states.find((known) => known === text)
  if (found === undefined) throw new InvalidArgumentError(`the states are ${states.join(', ')}`)
  return [...before, found]
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : '0'
}
