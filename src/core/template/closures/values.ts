/** The values in a template, as closures. */
import {
  Context,
  Drop,
  type Expression,
  type Filter,
  type Liquid,
  type Token,
  TypeGuards,
  toValue,
  toValueSync,
} from 'liquidjs'
import { costOf } from '../cost.ts'

export interface Loop {
  item: unknown
  index: number
  readonly length: number
}

/** A rendering: of a template, or of a partial within it. */
export interface State {
  readonly view: object
  /** What `assign` has set. */
  locals: Record<string, unknown>
  /** The loops around what is rendered, the innermost last. */
  loops: Loop[]
  steps: number
  text: string
  /** For filters. */
  context: Context | null
}

export type Evaluate = (state: State) => unknown

/** The variables of the loops around a part, within its template or partial. */
export type LoopVariables = readonly string[]

/** Thrown where LiquidJS decides: about a part that is not known here, or a value. */
export const FALL_BACK = new Error('left to LiquidJS')

/** Far more than a message takes: LiquidJS has the limit for a rendering that goes on. */
const MOST_STEPS = 20_000

export function spend(state: State, steps: number): void {
  state.steps += steps
  if (state.steps > MOST_STEPS) throw FALL_BACK
}

// LiquidJS gives these to every value.
const OF_ANY = ['size', 'first', 'last']

/** `isLenient`: a variable that is missing is null. */
export function evaluator(
  liquid: Liquid,
  initial: Expression,
  filters: readonly Filter[],
  isLenient: boolean,
  loops: LoopVariables,
): Evaluate {
  const first = expression(liquid, initial, isLenient || filters[0]?.name === 'default', loops)
  return filters.reduce((before, filter) => filtered(liquid, before, filter, loops), first)
}

function filtered(liquid: Liquid, before: Evaluate, { name, args }: Filter, loops: LoopVariables): Evaluate {
  const filter = liquid.filters[name]
  // Those evaluate a text with the variables of LiquidJS.
  if (filter === undefined || name.endsWith('_exp')) throw FALL_BACK
  const handler = typeof filter === 'function' ? filter : filter.handler
  const others = args.map((arg) => {
    if (Array.isArray(arg)) throw FALL_BACK
    return operand(arg, false, loops)
  })
  return (state) => {
    const values = [before(state)]
    for (const other of others) values.push(other(state))
    state.context ??= contextOf(state, liquid)
    return toValueSync(Reflect.apply(handler, { context: state.context, liquid }, values))
  }
}

function contextOf(state: State, liquid: Liquid): Context {
  const { view } = state
  const options = { sync: true, strictVariables: true, globals: view }
  const context = new Context(view, liquid.options, options, { liquid })
  context.renderLimit.use = (steps) => spend(state, steps)
  return context
}

function expression(
  liquid: Liquid,
  { postfix }: Expression,
  isLenient: boolean,
  loops: LoopVariables,
): Evaluate {
  const operands: Evaluate[] = []
  for (const token of postfix) {
    if (TypeGuards.isOperatorToken(token)) operands.push(operator(liquid, token.operator, operands))
    else operands.push(operand(token, isLenient, loops))
  }
  const [evaluate] = operands
  if (evaluate === undefined || operands.length > 1) throw FALL_BACK
  return evaluate
}

/** Takes its operands from the end of the list. As with LiquidJS both are evaluated, whatever the first is. */
function operator({ options }: Liquid, name: string, operands: Evaluate[]): Evaluate {
  const right = operands.pop()
  const left = name === 'not' ? undefined : operands.pop()
  const apply = options.operators[name]
  if (right === undefined || apply === undefined) throw FALL_BACK
  const context = new Context({}, options)
  if (name === 'not') return (state) => !isTrue(right(state))
  if (left === undefined) throw FALL_BACK
  return (state) => {
    const [one, other] = [left(state), right(state)]
    spend(state, costOf(one) + costOf(other))
    return toValueSync(Reflect.apply(apply, undefined, [one, other, context]))
  }
}

export function isTrue(value: unknown): boolean {
  const plain = toValue(value)
  return plain !== false && plain !== undefined && plain !== null
}

/** A name that nothing has by itself. */
export function named(name: string): string {
  if (name in Object.prototype || name === 'forloop' || name === 'continue') throw FALL_BACK
  return name
}

export function operand(token: Token, isLenient: boolean, loops: LoopVariables): Evaluate {
  if (
    TypeGuards.isQuotedToken(token) ||
    TypeGuards.isNumberToken(token) ||
    TypeGuards.isLiteralToken(token)
  ) {
    const { content } = token
    return () => content
  }
  if (!TypeGuards.isPropertyAccessToken(token) || token.variable !== undefined) throw FALL_BACK
  const [name, ...keys] = token.props.map((prop) => {
    if (!TypeGuards.isWordToken(prop) && !TypeGuards.isQuotedToken(prop)) throw FALL_BACK
    return prop.content
  })
  if (name === undefined) throw FALL_BACK
  if (name === 'forloop' && loops.length > 0) return ofLoop(loops.length - 1, keys)
  const start = variable(named(name), loops)
  return (state) => {
    let value = start(state)
    for (const key of keys) {
      if (value === undefined) break
      value = read(value, key)
    }
    if (value !== undefined) return value
    if (isLenient) return null
    throw FALL_BACK
  }
}

function variable(name: string, loops: LoopVariables): Evaluate {
  const depth = loops.lastIndexOf(name)
  if (depth >= 0) return ({ loops }) => loops[depth]?.item
  return ({ locals, view }) => (name in locals ? locals[name] : ownProperty(view, name))
}

function ofLoop(depth: number, [key, ...more]: readonly string[]): Evaluate {
  if (more.length > 0) throw FALL_BACK
  const of = (pick: (loop: Loop) => unknown): Evaluate => {
    return ({ loops }) => {
      const loop = loops[depth]
      return loop && pick(loop)
    }
  }
  switch (key) {
    case 'first':
      return of(({ index }) => index === 0)
    case 'last':
      return of(({ index, length }) => index === length - 1)
    case 'index':
      return of(({ index }) => index + 1)
    case 'length':
      return of(({ length }) => length)
    default:
      throw FALL_BACK
  }
}

/** Of null each property is null. */
function read(value: unknown, key: string): unknown {
  if (value === null) return null
  if (Array.isArray(value) && key === 'size') return value.length
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Drop) throw FALL_BACK
  const found = ownProperty(value, key)
  if (found === undefined && OF_ANY.includes(key)) throw FALL_BACK
  return found
}

function ownProperty(value: object, key: string): unknown {
  const found: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
  if (typeof found === 'function') throw FALL_BACK
  return found
}
