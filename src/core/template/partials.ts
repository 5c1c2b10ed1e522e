/** Partials: texts that templates share, by `{% render "name" %}`. They are in memory; no tag reads a file. */
import type { Liquid, Template as LiquidTemplate } from 'liquidjs'
import { TemplateError } from './error.ts'

export interface PartialFile {
  /** The path that the operator is shown. */
  readonly path: string
  readonly text: string
}

/** By name: that of `_card.liquid` is `card`. */
export type Partials = ReadonlyMap<string, PartialFile>

export const noPartials: Partials = new Map()

// LiquidJS's tags that name another file, but for `render`: a partial sees what it is given, and the variables of a message.
const OTHER_TAGS = ['include', 'layout']

/**
 * The partials that a template renders, and those that they render. Throws a TemplateError for one that is not there or that
 * renders itself: it would fail only when the message is rendered, in a branch perhaps that is seldom taken.
 */
export function partialsOf(
  liquid: Liquid,
  parsed: readonly LiquidTemplate[],
  partials: Partials,
): readonly PartialFile[] {
  const found = new Map<string, PartialFile>()
  visit(parsed, [])
  return [...found.values()]

  function visit(templates: readonly LiquidTemplate[], within: readonly string[]): void {
    for (const template of templates) {
      const { token } = template
      const tag = 'name' in token ? String(token.name) : ''
      if (tag === 'render') enter(template, within)
      else if (OTHER_TAGS.includes(tag)) {
        throw failure(
          template,
          `{% ${tag} %} is not known here; write {% render "name" %}, which finds _name.liquid`,
        )
      } else {
        const children = template.children?.(false, true).next()
        if (children?.done === true) visit(children.value, within)
      }
    }
  }

  function enter(template: LiquidTemplate, within: readonly string[]): void {
    const name = template.partialScope?.()?.name
    if (name === undefined) throw failure(template, '{% render %} needs the name of a partial, in quotes')
    const partial = partials.get(name)
    if (partial === undefined) {
      const known = partials.size === 0 ? '' : `; there is ${[...partials.keys()].sort().join(', ')}`
      const missing = `{% render ${JSON.stringify(name)} %}: there is no _${name}.liquid in the templates folder`
      throw failure(template, missing + known)
    }
    if (within.includes(name))
      throw failure(template, `{% render ${JSON.stringify(name)} %}: the partial renders itself, without end`)
    if (found.has(name)) return
    visit(liquid.parseFileSync(name), [...within, name])
    found.set(name, partial)
  }

  function failure({ token }: LiquidTemplate, message: string): TemplateError {
    const [line = 1, column = 1] = token.getPosition()
    return new TemplateError(message, line, column, pathOf(partials, token.file))
  }
}

/** As LiquidJS takes them: no name reaches what every object has. */
export function toMapping(partials: Partials): Record<string, string> {
  const mapping: Record<string, string> = Object.create(null)
  for (const [name, { text }] of partials) mapping[name] = text
  return mapping
}

/** The path of the partial that LiquidJS calls by its name; null where that is the template itself. */
export function pathOf(partials: Partials, name: string | undefined): string | null {
  return name === undefined ? null : (partials.get(name)?.path ?? null)
}
