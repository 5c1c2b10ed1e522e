/**
 * Renders what most templates consist of by closures: text, outputs, `if`, `unless`, `for`, `assign` and `render`. LiquidJS runs each of
 * them as a generator, so that it could wait, which takes several times as long. It renders what is beyond these, and again
 * whatever does not go as expected.
 */
import {
  AssignTag,
  CommentTag,
  Drop,
  ForTag,
  IfTag,
  InlineCommentTag,
  type Liquid,
  Output,
  RenderTag,
  type Template,
  TypeGuards,
  toValueSync,
  UnlessTag,
  Value,
} from 'liquidjs'
import { costOf } from '../cost.ts'
import {
  evaluator,
  FALL_BACK,
  isTrue,
  type Loop,
  type LoopVariables,
  named,
  operand,
  type State,
  spend,
} from './values.ts'

/** The rendered template; undefined where LiquidJS decides. */
type Write = (view: object) => string | undefined

/** How an output writes a value. */
interface Writer {
  readonly toText: (value: unknown) => string
  readonly escapeText: (text: string) => string
}

type Run = (state: State) => void

/** What a part of a template is compiled with: `loops` are those that it is in. */
interface Scope {
  readonly liquid: Liquid
  readonly writer: Writer
  readonly loops: LoopVariables
}

/** Null where the template has other parts. The partials that it renders must be known to end. */
export function toClosures(liquid: Liquid, parsed: readonly Template[], writer: Writer): Write | null {
  let run: Run
  try {
    run = list(parsed, { liquid, writer, loops: [] })
  } catch (error) {
    if (error === FALL_BACK) return null
    throw error
  }
  return (view) => {
    const state: State = { view, locals: Object.create(null), loops: [], steps: 0, text: '', context: null }
    try {
      run(state)
      return state.text
    } catch {
      // Whatever it is, LiquidJS says it with its place.
      return undefined
    }
  }
}

function list(templates: readonly Template[], scope: Scope): Run {
  const runs = templates.map((template) => part(template, scope))
  return (state) => {
    spend(state, runs.length + 1)
    for (const run of runs) run(state)
  }
}

function part(template: Template, scope: Scope): Run {
  const { token } = template
  if (TypeGuards.isHTMLToken(token)) return text(token.getContent())
  if (template instanceof Output) return output(template, scope)
  if (template instanceof IfTag || template instanceof UnlessTag) return condition(template, scope)
  if (template instanceof ForTag) return loop(template, scope)
  if (template instanceof AssignTag) return assign(template, scope)
  if (template instanceof RenderTag) return partial(template, scope)
  if (template instanceof CommentTag || template instanceof InlineCommentTag) return text('')
  throw FALL_BACK
}

function output({ value }: Output, scope: Scope): Run {
  const last = value.filters.at(-1)
  // LiquidJS has put the escape behind the filters that have names, unless the last of them is `raw`.
  const isEscaped = last !== undefined && !(last.name in scope.liquid.filters)
  const evaluate = evaluator(
    scope.liquid,
    value.initial,
    isEscaped ? value.filters.slice(0, -1) : value.filters,
    false,
    scope.loops,
  )
  const { toText, escapeText } = scope.writer
  return (state) => {
    const result = evaluate(state)
    if (result instanceof Drop || (!isEscaped && typeof result !== 'string')) throw FALL_BACK
    const text = toText(result)
    spend(state, costOf(text))
    state.text += isEscaped ? escapeText(text) : text
  }
}

function condition(tag: IfTag | UnlessTag, scope: Scope): Run {
  const branches = tag.branches.map(({ value, templates }, index) => ({
    evaluate: evaluator(scope.liquid, value.initial, value.filters, true, scope.loops),
    wanted: !(tag instanceof UnlessTag && index === 0),
    run: list(templates, scope),
  }))
  const otherwise = list(tag.elseTemplates ?? [], scope)
  return (state) => {
    for (const { evaluate, wanted, run } of branches) {
      if (isTrue(evaluate(state)) === wanted) return run(state)
    }
    otherwise(state)
  }
}

function loop(tag: ForTag, scope: Scope): Run {
  if (Object.keys(tag.hash.hash).length > 0) throw FALL_BACK
  const collection = operand(tag.collection, false, scope.loops)
  const body = list(tag.templates, { ...scope, loops: [...scope.loops, named(tag.variable)] })
  const otherwise = list(tag.elseTemplates, scope)
  return (state) => {
    const items = collection(state) ?? []
    if (!Array.isArray(items)) throw FALL_BACK
    if (items.length === 0) return otherwise(state)
    const loop: Loop = { item: undefined, index: 0, length: items.length }
    state.loops.push(loop)
    for (const item of items) {
      loop.item = item
      body(state)
      loop.index++
    }
    state.loops.pop()
  }
}

function assign(tag: AssignTag, scope: Scope): Run {
  const [identifier] = tag.localScope()
  const [value] = tag.arguments()
  if (identifier === undefined || !(value instanceof Value)) throw FALL_BACK
  const name = named(identifier.content)
  const evaluate = evaluator(scope.liquid, value.initial, value.filters, true, scope.loops)
  return (state) => {
    state.locals[name] = evaluate(state)
  }
}

/** A partial sees what the message has, and nothing of where it is rendered. */
function partial(tag: RenderTag, scope: Scope): Run {
  const its = tag.partialScope()
  if (its === undefined || [...its.scope].length > 0) throw FALL_BACK
  const run = list(toValueSync<Template[]>(tag.children(true, true)), { ...scope, loops: [] })
  return (state) => {
    const { locals, loops } = state
    state.locals = Object.create(null)
    state.loops = []
    run(state)
    state.locals = locals
    state.loops = loops
  }
}

function text(content: string): Run {
  return (state) => {
    state.text += content
  }
}
