import { Secret } from '../core/secret.ts'
import { passwordsOf } from '../postgres-url/password.ts'
import { isAt, type Origin } from './file/origin.ts'
import type { Config } from './schema/schema.ts'

/**
 * A header of an enrichment step whose value comes from a variable or a file is treated as a secret, whatever its name: keys have
 * many names.
 */
export function withSecretHeaders(config: Config, origins: readonly Origin[]): Config {
  const isFilled = (step: number, name: string) =>
    origins.some((origin) => isAt(origin, ['enrich', step, 'headers', name]))
  const enrich = config.enrich.map((step, index) => {
    const headers = Object.entries(step.headers).map(([name, value]) => [
      name,
      typeof value === 'string' && isFilled(index, name) ? new Secret(value) : value,
    ])
    return { ...step, headers: Object.fromEntries(headers) }
  })
  return { ...config, enrich }
}

/** Every secret within a value, and the part of one that can appear alone: a URL's password, a header's credentials. */
export function secretsOf(value: unknown): readonly Secret[] {
  const found = new Map<string, Secret>()
  const seen = new Set<object>()
  collect(value)
  return [...found.values()]

  function collect(item: unknown): void {
    if (item instanceof Secret) {
      found.set(item.reveal(), item)
      for (const part of partsOf(item.reveal())) found.set(part, new Secret(part))
    } else if (typeof item === 'string') {
      for (const part of passwordsOf(item)) found.set(part, new Secret(part))
    } else if (typeof item === 'object' && item !== null && !seen.has(item)) {
      seen.add(item)
      for (const inner of Object.values(item)) collect(inner)
    }
  }
}

/** A password as written in the URL, and decoded. */
function partsOf(text: string): string[] {
  const [, credentials] = /^[A-Za-z][\w-]* (\S+)$/.exec(text) ?? []
  if (credentials !== undefined) return [credentials]
  const password = URL.canParse(text) ? new URL(text).password : ''
  if (password === '') return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}
