import { Secret } from '../core/secret.ts'

/** Every secret within a value, and the passwords of those that are URLs, which can appear alone. */
export function secretsOf(value: unknown): readonly Secret[] {
  const found = new Map<string, Secret>()
  const seen = new Set<object>()
  collect(value)
  return [...found.values()]

  function collect(item: unknown): void {
    if (item instanceof Secret) {
      found.set(item.reveal(), item)
      for (const password of passwordsOf(item.reveal())) found.set(password, new Secret(password))
    } else if (typeof item === 'object' && item !== null && !seen.has(item)) {
      seen.add(item)
      for (const inner of Object.values(item)) collect(inner)
    }
  }
}

/** As in the URL, and decoded. */
function passwordsOf(text: string): string[] {
  const password = URL.canParse(text) ? new URL(text).password : ''
  if (password === '') return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}
