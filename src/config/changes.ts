/** The difference between two configurations, as names of keys: the values may be secrets. */
import { dirname, resolve, sep } from 'node:path'
import { isObject, ownProperty } from '../core/json/json.ts'
import { Secret } from '../core/secret.ts'
import { passwordsOf, withoutPassword } from '../postgres-url/password.ts'
import type { CompiledConfig } from './compiled.ts'
import type { Config } from './schema/schema.ts'
import { formatDuration, formatSize } from './schema/units.ts'

/** The mappings whose entries are listed one by one. */
const opened: readonly string[] = [
  'server',
  'store',
  'sources',
  'channels',
  'receivers',
  'delivery',
  'lifecycles',
] satisfies (keyof Config)[]

const asJson = JSON.stringify

/** Settings that the server and the store read only at their start, as written in the file. */
const fixedAtStart: Readonly<Record<string, (config: Config) => string>> = {
  'server.host': ({ server }) => server.host,
  'server.port': ({ server }) => asJson(server.port),
  'server.trust_proxy': ({ server }) => asJson(server.trust_proxy),
  'server.body_limit': ({ server }) => formatSize(server.body_limit),
  'server.request_timeout': ({ server }) => formatDuration(server.request_timeout),
  'server.max_connections': ({ server }) => asJson(server.max_connections),
  'server.admin_socket': ({ server }) => server.admin_socket ?? 'none',
  'store.url': ({ store }) => withoutPassword(store.url),
}

/** What a restart alone does not do. */
const alsoDo: Readonly<Record<string, string>> = {
  'store.url': '; where that is another store, "hookbridge migrate-store" moves what is stored',
}

/** The keys that take effect, such as `routes` and `channels.slack`; `templates` also if only the text of a template changed. */
export function changedKeys(before: CompiledConfig, after: CompiledConfig): readonly string[] {
  const keys = union(before.config, after.config)
    .flatMap((key) => differences(key, ownProperty(before.config, key), ownProperty(after.config, key)))
    .filter((key) => !Object.hasOwn(fixedAtStart, key))
  const templates = !keys.includes('templates') && !isSame(templateFiles(before), templateFiles(after))
  return templates ? [...keys, 'templates'] : keys
}

/** Sentences, by key, about the changes in `wanted` that cannot take effect in a service that was started with `started`. */
export function untilRestart(started: Config, wanted: Config): ReadonlyMap<string, string> {
  const [password, wantedPassword] = [started, wanted].map(({ store }) => asJson(passwordsOf(store.url)))
  const changes = new Map<string, string>()
  for (const [key, written] of Object.entries(fixedAtStart)) {
    const [before, after] = [written(started), written(wanted)]
    if (before === after) continue
    changes.set(
      key,
      `${key} changed from ${before} to ${after}: takes effect at the next start${alsoDo[key] ?? ''}`,
    )
  }
  if (password !== wantedPassword && !changes.has('store.url'))
    changes.set('store.url', 'the password of store.url changed: takes effect at the next start')
  return changes
}

function differences(key: string, before: unknown, after: unknown): string[] {
  if (isSame(before, after)) return []
  if (!opened.includes(key) || !isObject(before) || !isObject(after)) return [key]
  return union(before, after)
    .filter((inner) => !isSame(ownProperty(before, inner), ownProperty(after, inner)))
    .map((inner) => `${key}.${inner}`)
}

function templateFiles({ file, files, config }: CompiledConfig): Record<string, string> {
  if (config.templates === undefined) return {}
  const folder = resolve(dirname(file), config.templates)
  return Object.fromEntries([...files].filter(([path]) => path === folder || path.startsWith(folder + sep)))
}

function union(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
}

function isSame(one: unknown, other: unknown): boolean {
  // Functions are compiled from other values, which are compared.
  if (typeof one === 'function' && typeof other === 'function') return true
  if (one instanceof Secret && other instanceof Secret) return one.reveal() === other.reveal()
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]))
  }
  if (isObject(one) && isObject(other)) {
    return union(one, other).every((key) => isSame(ownProperty(one, key), ownProperty(other, key)))
  }
  return Object.is(one, other)
}
