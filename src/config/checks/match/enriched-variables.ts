/** The fields of `enriched` that texts and templates read. */
import type { TemplateFile } from '../../../channels/channel.ts'

export interface Variable {
  readonly written: string
  /** The names after `enriched`. */
  readonly names: readonly string[]
  readonly at: number
}

const TAG = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g
// A string that is not a name in brackets.
const TEXT = /(?<!\[\s*)(?:'[^']*'|"[^"]*")/g
const NAME = `\\.[A-Za-z_][\\w-]*|\\[\\s*(?:'[^']*'|"[^"]*")\\s*\\]`
const PATH = new RegExp(`(?<![\\w.-])([A-Za-z_][\\w-]*)((?:${NAME})*)`, 'g')
// Also matches a line of {% liquid %}. With a filter, the result is a different value.
const ASSIGN = new RegExp(
  `(?<![\\w-])assign\\s+([A-Za-z_][\\w-]*)\\s*=\\s*(?:([A-Za-z_][\\w-]*)((?:${NAME})*)\\s*(?=-?%\\}|\\n))?`,
  'g',
)

// A parameter of {% render %}: `step: enriched.analysis`.
const PARAMETER = new RegExp(`([A-Za-z_][\\w-]*)\\s*:\\s*([A-Za-z_][\\w-]*)((?:${NAME})*)`, 'g')
const RENDER = /^\{%-?\s*render\s+["']([\w.-]+)["']/
const PARTIAL = /(?:^|[\\/])_([\w.-]+)\.liquid$/

/** What each name stands for: a path in `enriched`, empty for `enriched` itself. */
type Aliases = ReadonlyMap<string, readonly string[]>

const ENRICHED: Aliases = new Map([['enriched', []]])

interface Rendered {
  readonly partial: string
  /** What the partial sees: `enriched`, and the parameters that refer to something in it. */
  readonly parameters: Aliases
}

/** The fields of `enriched` that a text reads, including through variables to which it assigns `enriched` or a step. */
export function variablesIn(text: string): readonly Variable[] {
  return read(text, ENRICHED).variables
}

/** The same for templates and their partials, in which a parameter may stand for a step. Each place is listed once. */
export function readByTemplates(
  files: readonly TemplateFile[],
): readonly (Variable & { readonly file: TemplateFile })[] {
  const partials = new Map(files.map((file) => [PARTIAL.exec(file.path)?.[1], file]))
  const found = new Map<string, Variable & { readonly file: TemplateFile }>()
  const visited = new Set<string>()
  const visit = (file: TemplateFile, aliases: Aliases) => {
    const visiting = JSON.stringify([file.path, [...aliases].sort()])
    if (visited.has(visiting)) return
    visited.add(visiting)
    const { variables, rendered } = read(file.text, aliases)
    for (const variable of variables) {
      found.set(JSON.stringify([file.path, variable.at, variable.names]), { ...variable, file })
    }
    for (const { partial, parameters } of rendered) {
      const next = partials.get(partial)
      if (next !== undefined) visit(next, parameters)
    }
  }
  for (const file of files) visit(file, ENRICHED)
  return [...found.values()]
}

function read(
  text: string,
  known: Aliases,
): { readonly variables: readonly Variable[]; readonly rendered: readonly Rendered[] } {
  const aliases = new Map(known)
  const variables: Variable[] = []
  const rendered: Rendered[] = []
  for (const { 0: tag, index } of text.matchAll(TAG)) {
    const code = tag.replaceAll(TEXT, (quoted) => ' '.repeat(quoted.length))
    const partial = RENDER.exec(tag)?.[1]
    if (partial !== undefined) rendered.push({ partial, parameters: parametersIn(code, aliases) })
    let rest = 0
    for (const assignment of code.matchAll(ASSIGN)) {
      const end = assignment.index + assignment[0].length
      variables.push(...variablesOf(code.slice(rest, end), aliases, index + rest))
      const [, alias = '', root = '', path = ''] = assignment
      const before = aliases.get(root)
      if (before === undefined) aliases.delete(alias)
      else aliases.set(alias, [...before, ...namesIn(path)])
      rest = end
    }
    variables.push(...variablesOf(code.slice(rest), aliases, index + rest))
  }
  return { variables, rendered }
}

function parametersIn(code: string, aliases: Aliases): Aliases {
  const parameters = new Map(ENRICHED)
  for (const [, name = '', root = '', path = ''] of code.matchAll(PARAMETER)) {
    const before = aliases.get(root)
    if (before === undefined) parameters.delete(name)
    else parameters.set(name, [...before, ...namesIn(path)])
  }
  return parameters
}

function variablesOf(code: string, aliases: Aliases, at: number): Variable[] {
  return [...code.matchAll(PATH)].flatMap(({ 0: written, 1: root = '', 2: path = '', index }) => {
    const before = aliases.get(root)
    if (before === undefined || path === '') return []
    return [{ written, names: [...before, ...namesIn(path)], at: at + index }]
  })
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/\.([\w-]+)|\[\s*["']([^"']*)["']\s*\]/g)].map(
    ([, plain, quoted]) => plain ?? quoted ?? '',
  )
}
