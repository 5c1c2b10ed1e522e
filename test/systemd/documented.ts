/** The commands of the operator's page, so that the page says what works. */
import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('../../docs/systemd.md', import.meta.url), 'utf8')
const blocks = new Map(
  [...page.matchAll(/<!-- run: (\w+) -->\n```sh\n([\s\S]*?)```/g)].map(
    ([, name = '', script = '']) => [name, script] as const,
  ),
)
const unread = new Set(blocks.keys())

/** The script under this name; `replaced` is what stands in it for something else here. */
export function documented(name: string, replaced: Readonly<Record<string, string>> = {}): string {
  let script = blocks.get(name)
  if (script === undefined) throw new Error(`docs/systemd.md has no commands under <!-- run: ${name} -->`)
  for (const [text, by] of Object.entries(replaced)) {
    if (!script.includes(text)) throw new Error(`"${text}" is not in the documented commands to ${name}`)
    script = script.replaceAll(text, by)
  }
  unread.delete(name)
  return script
}

/** Names of commands that nothing has run. */
export function notRun(): readonly string[] {
  return [...unread]
}
