/** Renders with LiquidJS, and finds the variables that were missing. */
import {
  Context,
  type Liquid,
  LiquidError,
  type Template as LiquidTemplate,
  type Token,
  TypeGuards,
} from 'liquidjs'
import { TemplateError } from './error.ts'
import { explained } from './mistake.ts'
import { type Partials, pathOf } from './partials.ts'

// Each loop's body takes a step for each of its parts, and more where a part reads much: see cost.ts. These are about half a second.
const STEP_LIMIT = 500_000

/** Throws where it takes too many steps. LiquidJS limits the time, in which a busy or suspended machine does something else. */
export function renderOnce(
  liquid: Liquid,
  parsed: LiquidTemplate[],
  view: object,
  strictVariables: boolean,
): string {
  // A partial has a scope of its own, and sees globals.
  const context = new Context(view, liquid.options, { sync: true, strictVariables, globals: view })
  let steps = 0
  context.renderLimit.use = (count) => {
    steps += count
    if (steps > STEP_LIMIT) throw new Error(`the rendering takes over ${STEP_LIMIT} steps: shorten its loops`)
  }
  context.renderLimit.check = () => context.renderLimit.use(1)
  return String(liquid.renderSync(parsed, context))
}

export function isUndefinedVariable(error: unknown): boolean {
  return LiquidError.is(error) && error.name === 'UndefinedVariableError'
}

/**
 * The variables that are missing when the template is rendered, as written. Those that are only tested (`if`, `case`,
 * `default`) or in a branch that is not taken may be missing; of a loop only the first iteration that fails counts.
 */
export function missingVariables(collecting: Liquid, parsed: LiquidTemplate[], view: object): string[] {
  const missing = new Set<string>()
  try {
    renderOnce(collecting, parsed, view, true)
  } catch (error) {
    collect(error)
  }
  return [...missing]

  function collect(error: unknown): void {
    if (!LiquidError.is(error)) return
    if ('errors' in error && Array.isArray(error.errors)) error.errors.forEach(collect)
    else if (isUndefinedVariable(error)) missing.add(nameOf(error.token))
  }
}

export function toTemplateError(error: unknown, partials: Partials): TemplateError {
  if (error instanceof TemplateError) return error
  if (LiquidError.is(error)) {
    const [line, column] = error.token?.getPosition() ?? [1, 1]
    // LiquidJS appends the position to its message; the caller adds it with the file.
    const message = explained(error.message.replace(/, (?:file:.*, )?line:\d+, col:\d+$/, ''), error.token)
    return new TemplateError(message, line ?? 1, column ?? 1, pathOf(partials, error.token?.file))
  }
  return new TemplateError(error instanceof Error ? error.message : String(error), 1, 1)
}

/** A variable as it is written, and the partial that has it. */
function nameOf(token: Token): string {
  const file = TypeGuards.isPropertyAccessToken(token) ? token.props[0]?.file : token.file
  return token.getText() + (file === undefined ? '' : ` in _${file}.liquid`)
}
