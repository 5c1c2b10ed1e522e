/**
 * The commands, in the order of the help. The options and the action of a command are in a module that is loaded when the
 * command is used, because loading modules takes time.
 */
import type { Define } from './context.ts'

export interface CommandEntry {
  readonly name: string
  /** The heading in the help. */
  readonly group: string
  readonly description: string
  readonly hidden?: true
  readonly load: () => Promise<Define>
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'init',
    group: 'Set up:',
    description: 'write a first config.yaml and the templates; on a terminal, ask for secrets and addresses',
    load: async () => (await import('./install/init.ts')).defineInit,
  },
  {
    name: 'check',
    group: 'Set up:',
    description: 'check the configuration, its templates and its tests; exit 1 if something is wrong',
    load: async () => (await import('./config/check.ts')).defineCheck,
  },
  {
    name: 'config',
    group: 'Set up:',
    description: 'print the effective configuration: defaults filled in, secrets hidden',
    load: async () => (await import('./config/config.ts')).defineConfig,
  },
  {
    name: 'schema',
    group: 'Set up:',
    description: 'print the JSON schema of the configuration, for editors',
    load: async () => (await import('./config/schema.ts')).defineSchema,
  },
  {
    name: 'slack-manifest',
    group: 'Set up:',
    description:
      'print a Slack app manifest with the scopes that the configuration needs, and a link that creates the app',
    load: async () => (await import('./config/slack-manifest.ts')).defineSlackManifest,
  },
  {
    name: 'doctor',
    group: 'Set up:',
    description: 'test Slack, mail, the store, the clock and the public URL; sends no message',
    load: async () => (await import('./doctor/doctor.ts')).defineDoctor,
  },
  {
    name: 'install-service',
    group: 'Set up:',
    description: 'install Hookbridge as a systemd service, or update that service',
    load: async () => (await import('./install/install-service.ts')).defineInstallService,
  },
  {
    name: 'completion',
    group: 'Set up:',
    description: 'print a script for your shell that completes commands and options',
    load: async () => (await import('./completion/completion.ts')).defineCompletion,
  },
  {
    name: 'demo',
    group: 'Set up:',
    description:
      'run the service with stand-ins for Slack and the mail server, and send it two sample events',
    load: async () => (await import('./demo.ts')).defineDemo,
  },
  {
    name: 'serve',
    group: 'Run:',
    description: 'run the service',
    load: async () => (await import('./service/serve.ts')).defineServe,
  },
  {
    name: 'reload',
    group: 'Run:',
    description: 'make the running service reload its configuration; exit 1 if it does not',
    load: async () => (await import('./service/reload.ts')).defineReload,
  },
  {
    name: 'health',
    group: 'Run:',
    description: 'ask the running service whether it is ready; exit 1 if it is not',
    load: async () => (await import('./service/health.ts')).defineHealth,
  },
  {
    name: 'send',
    group: 'Run:',
    description: 'sign an event as its sender would, and post it to the running service',
    load: async () => (await import('./service/send.ts')).defineSend,
  },
  {
    name: 'routes',
    group: 'Routes and messages:',
    description: 'print the routes as a tree: which events go to which receivers',
    load: async () => (await import('./routing/routes.ts')).defineRoutes,
  },
  {
    name: 'explain',
    group: 'Routes and messages:',
    description: 'show how an event is routed: each route that is tried, each condition, and what is sent',
    load: async () => (await import('./routing/explain.ts')).defineExplain,
  },
  {
    name: 'calendar',
    group: 'Routes and messages:',
    description: 'show when a route is muted, by its time intervals',
    load: async () => (await import('./routing/calendar.ts')).defineCalendar,
  },
  {
    name: 'preview',
    group: 'Routes and messages:',
    description: 'show the messages of an event as their readers see them, or send them to yourself',
    load: async () => (await import('./preview/preview.ts')).definePreview,
  },
  {
    name: 'events',
    group: 'History:',
    description: 'list received events, newest first',
    load: async () => (await import('./history/events.ts')).defineEvents,
  },
  {
    name: 'deliveries',
    group: 'History:',
    description: 'list deliveries, sent and unsent, newest first',
    load: async () => (await import('./history/deliveries.ts')).defineDeliveries,
  },
  {
    name: 'destinations',
    group: 'History:',
    description: 'list destinations: which work, which fail and why, and how many messages are waiting',
    load: async () => (await import('./history/destinations.ts')).defineDestinations,
  },
  {
    name: 'resend',
    group: 'Act on deliveries:',
    description:
      'attempt deliveries again, at the current destinations of their receivers (default: those that are parked or dead)',
    load: async () => (await import('./actions/resend.ts')).defineResend,
  },
  {
    name: 'replay',
    group: 'Act on deliveries:',
    description:
      'route stored events again, with the current configuration (with --receiver: send only to that receiver)',
    load: async () => (await import('./actions/replay.ts')).defineReplay,
  },
  {
    name: 'dismiss',
    group: 'Act on deliveries:',
    description: 'close parked and dead deliveries without sending them',
    load: async () => (await import('./actions/dismiss.ts')).defineDismiss,
  },
  {
    name: 'backup',
    group: 'The store:',
    description: 'back up the store to a file; the service may be running',
    load: async () => (await import('./service/backup.ts')).defineBackup,
  },
  {
    name: 'restore',
    group: 'The store:',
    description: 'replace the store with a backup; the service must be stopped',
    load: async () => (await import('./service/backup.ts')).defineRestore,
  },
  {
    name: 'migrate-store',
    group: 'The store:',
    description: 'copy everything to another store, SQLite or PostgreSQL; the service must be stopped',
    load: async () => (await import('./service/migrate-store.ts')).defineMigrateStore,
  },
  {
    name: 'complete',
    group: '',
    description: '',
    hidden: true,
    load: async () => (await import('./completion/completion.ts')).defineComplete,
  },
]
