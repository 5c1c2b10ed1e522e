/** The whole service in the test's process, from a configuration file, with its log in memory. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { type App, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { noProxies, type Proxies } from '../../src/network/proxies.ts'
import { environment, temporaryFolder } from './service.ts'

export interface TestApp extends App {
  readonly folder: string
  readonly config: string
  readonly log: readonly Record<string, unknown>[]
  readonly printed: readonly string[]
}

/** `yaml` is the configuration without server and store, which are set for a test. */
export async function startTestApp(
  t: { teardown(action: () => unknown): unknown },
  yaml: string,
  options: {
    readonly server?: string
    readonly store?: string
    readonly folder?: string
    readonly env?: Readonly<Record<string, string>>
    readonly proxies?: Proxies
  } = {},
): Promise<TestApp> {
  const folder = options.folder ?? temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(
    config,
    `server: { port: 0${options.server ? `, ${options.server}` : ''} }\nstore: { url: "sqlite:${join(folder, 'store.db')}"${options.store ? `, ${options.store}` : ''} }\n${yaml}`,
  )
  const env = options.env ?? environment
  const loaded = loadConfig(config, env)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 2))
  const log: Record<string, unknown>[] = []
  const printed: string[] = []
  const app = await startApp({
    compiled: loaded.compiled,
    env,
    proxies: options.proxies ?? noProxies,
    log: pino({ level: 'trace' }, { write: (line: string) => log.push(JSON.parse(line)) }),
    print: (text) => printed.push(text),
  })
  t.teardown(() => app.stop())
  return { ...app, stop: () => app.stop(), folder, config, log, printed }
}
