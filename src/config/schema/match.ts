/** A `match`, and its JSON schema: fields, operators and their descriptions come from what compiles it. */
import * as z from 'zod'
import type { JsonObject } from '../../core/json/json.ts'
import { type Operand, operators } from '../../core/match/condition.ts'
import { compileMatch, vocabulary } from '../../core/match/match.ts'

export const match = z
  .unknown()
  .meta({
    id: 'match',
    description: 'Conditions on the event, all of which must hold. Without `match`, every event matches.',
  })
  .transform((raw, context) => {
    const compiled = compileMatch(raw)
    if (compiled.ok) return compiled.match
    for (const { path, message, hint } of compiled.problems) {
      context.addIssue({ code: 'custom', path: [...path], message, params: { code: 'wrong_match', hint } })
    }
    return z.NEVER
  })

const SCALAR: JsonObject = { $ref: '#/$defs/scalar' }
const VALUE: JsonObject = { $ref: '#/$defs/value' }
const VALUES: JsonObject = { $ref: '#/$defs/list' }

const operands: Readonly<Record<Operand, JsonObject>> = {
  value: VALUE,
  values: VALUES,
  scalar: SCALAR,
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  text: { type: 'string' },
  regex: { type: 'string' },
}

const parts = {
  match: { $ref: '#/$defs/match' },
  matches: { type: 'array', minItems: 1, items: { $ref: '#/$defs/match' } },
} as const

/** The parts of a match, as definitions that refer to each other. */
export function matchDefinitions(): JsonObject {
  const { fields, combinators } = vocabulary
  const nested = Object.entries(fields).filter(([, { isText }]) => !isText)
  return {
    match: {
      type: 'object',
      examples: [
        { type: 'analysis.*' },
        { source: 'cuuro', 'data.score': { gte: 80, lt: 100 } },
        { any: [{ type: 'startup.created' }, { 'data.stage': ['seed', 'series a'] }] },
      ],
      minProperties: 1,
      properties: {
        ...mapValues(fields, ({ description, example }) => ({ description, examples: [example], ...VALUE })),
        ...mapValues(combinators, ({ description, takes }) => ({ description, ...parts[takes] })),
      },
      patternProperties: {
        [`^(?:${nested.map(([name]) => name).join('|')})(?:\\.[^.]+)+$`]: {
          title: nested.map(([name]) => `${name}.PATH`).join(', '),
          description: 'A nested field. PATH consists of names and list indexes (from 0), separated by dots.',
          examples: [['seed', 'series a'], { gte: 80 }],
          ...VALUE,
        },
      },
      additionalProperties: false,
    },
    value: {
      description:
        'What the field must be. A scalar: equal to it, in type and case. A text with `*`: text of that form, where `*` ' +
        'stands for any text and `\\*` for an asterisk. A list: any of its values. Operators: all of them must hold. ' +
        'A missing field satisfies only `exists: false` and `not`.',
      examples: ['analysis.completed', 'analysis.*', ['seed', 'series a'], { gte: 80, lt: 100 }],
      // If no choice fits, editors describe the first one, so that an unknown operator is reported as such.
      anyOf: [{ $ref: '#/$defs/operators' }, VALUES, SCALAR],
    },
    list: {
      type: 'array',
      description: 'The field matches if it matches any of these. The list must not be empty.',
      examples: [
        ['analysis.*', 'startup.created'],
        ['seed', 2, { gt: 80 }],
      ],
      minItems: 1,
      items: { anyOf: [SCALAR, { $ref: '#/$defs/operators' }] },
    },
    scalar: {
      description: 'A single value. Types are never converted: 80 is not "80".',
      examples: ['analysis.completed', 80, true, null],
      type: ['string', 'number', 'boolean', 'null'],
    },
    operators: {
      type: 'object',
      description: 'Operators, all of which must hold.',
      examples: [{ prefix: 'analysis.', not: 'analysis.created' }],
      minProperties: 1,
      properties: Object.fromEntries(
        operators.map(({ name, takes, description, example }) => [
          name,
          { description, examples: [example], ...operands[takes] },
        ]),
      ),
      additionalProperties: false,
    },
  }
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
