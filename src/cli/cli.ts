import { Command, CommanderError } from 'commander'
import { packageVersion } from '../config/package.ts'
import { jsonSchema } from '../config/schema/json-schema.ts'
import { StoreRefused, StoreUnavailable } from '../store/store.ts'
import { registerDismiss } from './actions/dismiss.ts'
import { registerReplay } from './actions/replay.ts'
import { registerResend } from './actions/resend.ts'
import { registerCheck } from './check.ts'
import { asRun } from './command-name.ts'
import { registerCompletion } from './completion/completion.ts'
import { registerConfig } from './config.ts'
import { configFile, usualFiles } from './config-file.ts'
import { type Context, loadWithWarnings, type Register } from './context.ts'
import { registerDoctor } from './doctor/doctor.ts'
import { registerDeliveries } from './history/deliveries.ts'
import { registerDestinations } from './history/destinations.ts'
import { registerEvents } from './history/events.ts'
import { registerInit } from './install/init.ts'
import { registerInstallService } from './install/install-service.ts'
import { registerPreview } from './preview/preview.ts'
import { registerExplain } from './routing/explain.ts'
import { registerRoutes } from './routing/routes.ts'
import { registerBackup } from './service/backup.ts'
import { registerHealth } from './service/health.ts'
import { registerReload } from './service/reload.ts'
import { registerSend } from './service/send.ts'
import { registerSlackManifest } from './slack-manifest.ts'
import { CommandError, type ExitCode, printJson, type Terminal } from './terminal.ts'

// In the order of the help.
const commands: readonly Register[] = [
  registerServe,
  registerCheck,
  registerConfig,
  registerSlackManifest,
  registerExplain,
  registerRoutes,
  registerPreview,
  registerReload,
  registerHealth,
  registerSend,
  registerEvents,
  registerDeliveries,
  registerDestinations,
  registerReplay,
  registerResend,
  registerDismiss,
  registerBackup,
  registerDoctor,
  registerInit,
  registerFirstSteps,
  registerInstallService,
  registerCompletion,
]

/** Parses the arguments and runs the command; resolves with the exit code. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await program(terminal).parseAsync([...argv], { from: 'user' })
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
    throw error
  }
}

function complain({ err, command }: Terminal, message: string): void {
  err.write(`hookbridge: ${asRun(command, message)}\n`)
}

function program(terminal: Terminal): Command {
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
      getOutHelpWidth: () => terminal.out.columns ?? 80,
      getErrHelpWidth: () => terminal.out.columns ?? 80,
    })
    .showHelpAfterError('(--help shows how)')
    .exitOverride()
    .enablePositionalOptions(false)
  const file = () => configFile(terminal, hookbridge.opts<{ config?: string }>().config)
  for (const register of commands) register(hookbridge, { terminal, file })
  return hookbridge
}

function registerServe(hookbridge: Command, context: Context): void {
  hookbridge
    .command('serve')
    .description('run the service')
    .option('--log-format <format>', 'text or json (default: text on a terminal, else json; or LOG_FORMAT)')
    .action(async ({ logFormat }: { logFormat?: string }) => {
      // Modules that only one command needs are imported by that command.
      const { hopeless, serve } = await import('./service/serve.ts')
      const loaded = loadWithWarnings(context, hopeless(context.terminal))
      await serve(context.terminal, loaded, logFormat)
    })
}

function registerFirstSteps(hookbridge: Command, { terminal }: Context): void {
  hookbridge
    .command('schema')
    .description('print the JSON schema of the configuration, for editors')
    .option('--markdown', 'print it as a page to read: docs/config.md')
    .action(async (options: { markdown?: boolean }) => {
      if (options.markdown !== true) return printJson(terminal, jsonSchema())
      const { configReference } = await import('../config/schema/reference.ts')
      terminal.out.write(configReference(jsonSchema()))
    })
  hookbridge
    .command('demo')
    .description(
      'send three events through the real service, to a Slack stand-in and a mail server on this machine',
    )
    .option('--keep', 'leave it running')
    .action(async (options: { keep?: boolean }) => {
      const { demo } = await import('./demo.ts')
      await demo(terminal, options.keep === true)
    })
}
