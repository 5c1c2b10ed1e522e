import { Command, CommanderError } from 'commander'
import { packageVersion } from '../config/package.ts'
import { StoreRefused, StoreUnavailable } from '../store/store.ts'
import { asRun } from './command-name.ts'
import { commands } from './commands.ts'
import { configFile, usualFiles } from './config-file.ts'
import { CommandError, type ExitCode, printableLines, type Terminal, wrapped } from './terminal/terminal.ts'

// Commander's words, before ours.
const INVALID = /( is invalid)\. (?=[a-z])/
const PASSWORD_OF_URL = /(\w:\/\/[^\s:@/]*):[^\s,]*@/g

/** Parses the arguments and runs the command; resolves with the exit code, whatever the command throws. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    const hookbridge = await program(terminal, argv)
    await hookbridge.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof CommandError) {
      if (error.message !== '') complain(terminal, error.message)
      return error.exitCode
    }
    if (error instanceof StoreRefused || error instanceof StoreUnavailable) {
      complain(terminal, error.message)
      return 1
    }
    const { unexpected } = await import('./unexpected.ts')
    complain(terminal, unexpected(error, commandIn(argv) ?? 'hookbridge'))
    return 1
  }
}

/** Error messages repeat arguments, names in files and texts of servers. */
function complain(terminal: Terminal, message: string): void {
  const text = `hookbridge: ${asRun(terminal.command, printableLines(message))}`
  terminal.err.write(`${wrapped(terminal, 'err', text)}\n`)
}

async function program(terminal: Terminal, argv: readonly string[]): Promise<Command> {
  const hookbridge = new Command('hookbridge')
    .description('Turns signed webhooks into Slack messages and e-mails people act on.')
    .version(packageVersion(), '--version')
    .option(
      '--config <file>',
      `the configuration (default: $HOOKBRIDGE_CONFIG, else ${usualFiles.join(', else ')})`,
    )
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      // Error messages repeat the arguments.
      outputError: (text, write) =>
        write(printableLines(text.replace(PASSWORD_OF_URL, '$1:***@').replace(INVALID, '$1: '))),
      getOutHelpWidth: () => terminal.out.columns ?? 80,
      getErrHelpWidth: () => terminal.out.columns ?? 80,
    })
    .showHelpAfterError('(--help shows how)')
    .exitOverride()
    .enablePositionalOptions(false)
    .commandsGroup('Help:')
    .helpCommand('help [command]', 'show what a command does and takes')
  const file = () => configFile(terminal, hookbridge.opts<{ config?: string }>().config)
  const defined = commandsFor(argv)
  for (const { name, group, description, hidden = false, load } of commands) {
    const command = hookbridge.command(name, { hidden }).helpGroup(group).description(description)
    if (defined.has(name)) (await load())(command, { terminal, file })
  }
  return hookbridge
}

/**
 * The names of the commands whose options and arguments are needed. For `complete`, whose arguments are another
 * command line, this includes the command in that one. Without a command, which prints the help, these are all commands.
 */
function commandsFor(argv: readonly string[]): ReadonlySet<string> {
  const names = commands.map(({ name }) => name)
  if (names.includes(commandIn(argv) ?? '')) return new Set(argv)
  return new Set(argv.includes('--version') ? [] : names)
}

function commandIn(argv: readonly string[]): string | undefined {
  // Its value is optional here, so that parsing the whole command line reports that it is missing.
  return new Command().option('--config [file]').parseOptions([...argv]).operands[0]
}
