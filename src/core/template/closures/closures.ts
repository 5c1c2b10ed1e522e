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
import {
  evaluator,
  isTrue,
  LEFT,
  type Loop,
  type LoopVariables,
  named,
  operand,
  type State,
} from './values.ts'

/** The rendered template; undefined where LiquidJS decides. */
type Write = (view: object) => string | undefined

/** Writes a value as an output does. */
type WriteValue = (value: unknown) => string

type Run = (state: State) => void

/** Far more than a message takes: LiquidJS has the limit for a rendering that goes on. */
const MOST_STEPS = 20_000

/** Null where the template has other parts. The partials that it renders must be known to end. */
export function toClosures(
  liquid: Liquid,
  parsed: readonly Template[],
  writeValue: WriteValue,
): Write | null {
  let run: Run
  try {
    run = new Closures(liquid, writeValue).list(parsed, [])
  } catch (error) {
    if (error === LEFT) return null
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

class Closures {
  readonly #liquid: Liquid
  readonly #writeValue: WriteValue

  constructor(liquid: Liquid, writeValue: WriteValue) {
    this.#liquid = liquid
    this.#writeValue = writeValue
  }

  list(templates: readonly Template[], loops: LoopVariables): Run {
    const runs = templates.map((template) => this.#part(template, loops))
    return (state) => {
      state.steps += runs.length + 1
      if (state.steps > MOST_STEPS) throw LEFT
      for (const run of runs) run(state)
    }
  }

  #part(template: Template, loops: LoopVariables): Run {
    const { token } = template
    if (TypeGuards.isHTMLToken(token)) return text(token.getContent())
    if (template instanceof Output) return this.#output(template, loops)
    if (template instanceof IfTag || template instanceof UnlessTag) return this.#condition(template, loops)
    if (template instanceof ForTag) return this.#loop(template, loops)
    if (template instanceof AssignTag) return this.#assign(template, loops)
    if (template instanceof RenderTag) return this.#partial(template)
    if (template instanceof CommentTag || template instanceof InlineCommentTag) return text('')
    throw LEFT
  }

  #output({ value }: Output, loops: LoopVariables): Run {
    const last = value.filters.at(-1)
    // LiquidJS has put the escape behind the filters that have names, unless the last of them is `raw`.
    const isEscaped = last !== undefined && !(last.name in this.#liquid.filters)
    const evaluate = evaluator(
      this.#liquid,
      value.initial,
      isEscaped ? value.filters.slice(0, -1) : value.filters,
      false,
      loops,
    )
    const write = isEscaped ? this.#writeValue : onlyText
    return (state) => {
      const result = evaluate(state)
      if (result instanceof Drop) throw LEFT
      state.text += write(result)
    }
  }

  #condition(tag: IfTag | UnlessTag, loops: LoopVariables): Run {
    const branches = tag.branches.map(({ value, templates }, index) => ({
      evaluate: evaluator(this.#liquid, value.initial, value.filters, true, loops),
      wanted: !(tag instanceof UnlessTag && index === 0),
      run: this.list(templates, loops),
    }))
    const otherwise = this.list(tag.elseTemplates ?? [], loops)
    return (state) => {
      for (const { evaluate, wanted, run } of branches) {
        if (isTrue(evaluate(state)) === wanted) return run(state)
      }
      otherwise(state)
    }
  }

  #loop(tag: ForTag, loops: LoopVariables): Run {
    if (Object.keys(tag.hash.hash).length > 0) throw LEFT
    const collection = operand(tag.collection, false, loops)
    const body = this.list(tag.templates, [...loops, named(tag.variable)])
    const otherwise = this.list(tag.elseTemplates, loops)
    return (state) => {
      const items = collection(state) ?? []
      if (!Array.isArray(items)) throw LEFT
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

  #assign(tag: AssignTag, loops: LoopVariables): Run {
    const [identifier] = tag.localScope()
    const [value] = tag.arguments()
    if (identifier === undefined || !(value instanceof Value)) throw LEFT
    const name = named(identifier.content)
    const evaluate = evaluator(this.#liquid, value.initial, value.filters, true, loops)
    return (state) => {
      state.locals[name] = evaluate(state)
    }
  }

  /** A partial sees what the message has, and nothing of where it is rendered. */
  #partial(tag: RenderTag): Run {
    const scope = tag.partialScope()
    if (scope === undefined || [...scope.scope].length > 0) throw LEFT
    const run = this.list(toValueSync<Template[]>(tag.children(true, true)), [])
    return (state) => {
      const { locals, loops } = state
      state.locals = Object.create(null)
      state.loops = []
      run(state)
      state.locals = locals
      state.loops = loops
    }
  }
}

function text(content: string): Run {
  return (state) => {
    state.text += content
  }
}

function onlyText(value: unknown): string {
  if (typeof value !== 'string') throw LEFT
  return value
}
