/** A match is a condition on an event, compiled once from the configuration. */
import { isObject, type Json, ownProperty } from '../json/json.ts'
import { compileValue } from './condition.ts'
import { otherCombinators } from './other-names.ts'
import { fail, type MatchPath, type MatchProblem, type ValueTest } from './problem.ts'

export type Match = FieldMatch | GroupMatch | NotMatch

export interface FieldMatch {
  readonly kind: 'field'
  /** The field as written: `type`, `data.id`. */
  readonly path: string
  readonly keys: readonly Key[]
  /** Its path within the whole match. */
  readonly place: MatchPath
  readonly wanted: unknown
  /** `wanted` as it is shown: with the names of variables, not their values. */
  readonly written: unknown
  readonly test: ValueTest
}

export interface GroupMatch {
  readonly kind: 'all' | 'any'
  readonly parts: readonly Match[]
}

export interface NotMatch {
  readonly kind: 'not'
  readonly part: Match
}

export interface Key {
  readonly name: string
  /** The name as a list index; -1 if it is none. */
  readonly index: number
}

export type CompiledMatch =
  | { readonly ok: true; readonly match: Match }
  | { readonly ok: false; readonly problems: readonly MatchProblem[] }

interface Field {
  /** Where it is found in the view. */
  readonly at: readonly string[]
  /** Text has no fields. */
  readonly isText: boolean
  readonly description: string
  readonly example: Json
}

// What the first part of a key may be. `data` is looked up in the payload, because the view turns a missing one into null.
const roots: Readonly<Record<string, Field>> = {
  type: {
    at: ['event', 'type'],
    isText: true,
    description: "The event's type.",
    example: 'analysis.*',
  },
  source: {
    at: ['event', 'source'],
    isText: true,
    description: 'The name of the source that received it.',
    example: 'cuuro',
  },
  event: {
    at: ['event'],
    isText: false,
    description: 'The event itself: event.id, event.type, event.source, event.received_at, event.sent_at.',
    example: { exists: true },
  },
  data: {
    at: ['payload', 'data'],
    isText: false,
    description: "The payload's `data`. Use paths for its fields: data.id, data.scores.0.",
    example: { exists: true },
  },
  payload: {
    at: ['payload'],
    isText: false,
    description: 'The whole body. Use paths for its fields: payload.meta.version.',
    example: { exists: true },
  },
  enriched: {
    at: ['enriched'],
    isText: false,
    description: 'What enrichment fetched. Use paths for its fields: enriched.STEP.FIELD.',
    example: { exists: true },
  },
  lifecycle: {
    at: ['lifecycle'],
    isText: false,
    description:
      'Present if the event is a stage of a lifecycle: lifecycle.name, lifecycle.stage, lifecycle.is_last (true or false).',
    example: { exists: true },
  },
}
const combinators = {
  any: { takes: 'matches', description: 'At least one of these matches must hold.' },
  all: { takes: 'matches', description: 'Each of these matches must hold.' },
  not: { takes: 'match', description: 'This match must not hold.' },
} as const

/** What a key of a match may be, for the JSON schema and the reference. */
export const vocabulary = { fields: roots, combinators }

// Far more than anyone writes; bounds the recursion.
const MAX_DEPTH = 32

/** Compiles the value of a route's `match`. Every mistake is reported, with its path within that value. */
export function compileMatch(raw: unknown): CompiledMatch {
  if (isDeeper(raw, MAX_DEPTH)) {
    const message = `nested more than ${MAX_DEPTH} levels deep`
    return { ok: false, problems: [{ path: [], message, hint: 'use fewer levels' }] }
  }
  const problems: MatchProblem[] = []
  const match = compileMapping(raw, [], problems)
  return problems.length === 0 ? { ok: true, match } : { ok: false, problems }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1))
}

function compileMapping(raw: unknown, path: MatchPath, problems: MatchProblem[]): Match {
  const entries = isObject(raw) ? Object.entries(raw) : []
  if (!isObject(raw)) {
    fail(problems, path, 'a match must be a mapping', 'such as {type: "analysis.*"}')
  } else if (entries.length === 0) {
    fail(problems, path, 'an empty match', 'remove it to match everything')
  }
  const parts = entries.map(([key, value]) => {
    const place = [...path, key]
    if (key === 'any' || key === 'all') return compileGroup(key, value, place, problems)
    if (key === 'not') return { kind: 'not', part: compileMapping(value, place, problems) } as const
    return compileField(key, value, place, problems)
  })
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : { kind: 'all', parts }
}

function compileGroup(kind: 'any' | 'all', raw: unknown, path: MatchPath, problems: MatchProblem[]): Match {
  const items: readonly unknown[] = Array.isArray(raw) ? raw : []
  if (items.length === 0) fail(problems, path, `"${kind}" takes a list of at least one match`)
  return {
    kind,
    parts: items.map((item, index) => compileMapping(item, [...path, index], problems)),
  }
}

function compileField(path: string, wanted: unknown, place: MatchPath, problems: MatchProblem[]): Match {
  const [root = '', ...names] = path.split('.')
  const start = Object.hasOwn(roots, root) ? roots[root] : undefined
  const combinator = ownProperty(otherCombinators, path)
  if (typeof combinator === 'string') {
    fail(problems, place, `unknown field ${JSON.stringify(path)}`, `write ${combinator}`)
    return { kind: 'field', path, keys: [], place, wanted, written: wanted, test: () => false }
  }
  if (start === undefined) {
    const known = [...Object.keys(roots), ...Object.keys(combinators)].join(', ')
    const payload =
      root === '' ? '' : `for a field of the payload write "data.${path}" or "payload.${path}"; `
    fail(
      problems,
      place,
      `unknown field ${JSON.stringify(path)}`,
      `${payload}a key starts with one of ${known}`,
    )
  } else if (start.isText && names.length > 0) {
    fail(problems, place, `"${root}" is text and has no fields`)
  } else if (names.includes('')) {
    fail(problems, place, `an empty name in ${JSON.stringify(path)}`, 'write one dot between two names')
  }
  const keys = [...(start?.at ?? []), ...names].map((name) => ({ name, index: toIndex(name) }))
  const test = compileValue(wanted, place, problems)
  return { kind: 'field', path, keys, place, wanted, written: wanted, test }
}

/** The same match, shown as in `written`: its mapping before variables were filled in. */
export function showAs(written: unknown, match: Match): Match {
  switch (match.kind) {
    case 'field': {
      const shown = match.place.reduce<unknown>(
        (value, step) =>
          typeof step === 'number' ? Array.isArray(value) && value[step] : ownProperty(value, step),
        written,
      )
      return { ...match, written: shown }
    }
    case 'not':
      return { ...match, part: showAs(written, match.part) }
    default:
      return { ...match, parts: match.parts.map((part) => showAs(written, part)) }
  }
}

function toIndex(name: string): number {
  return /^(0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1
}
