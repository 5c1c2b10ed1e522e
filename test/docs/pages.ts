/** The pages that the repository holds, for the tests that read them. */
import { readdirSync, readFileSync } from 'node:fs'

export const root = new URL('../../', import.meta.url)

/** Paths from the root of the repository. */
export const pages: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort()

export function readPage(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

/** What stands between `<!-- name -->` and `<!-- /name -->`. */
export function section(page: string, name: string): string {
  const found = new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)<!-- /${name} -->`).exec(page)?.[1]
  if (found === undefined) throw new Error(`there is no section ${name}`)
  return found
}

/** The texts of the fenced blocks in a language. */
export function fenced(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  )
}
