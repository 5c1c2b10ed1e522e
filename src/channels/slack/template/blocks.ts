/**
 * The blocks of slack.yaml: a YAML structure whose string leaves are templates. The structure is fixed when it is compiled;
 * rendering only fills in text and leaves things out, so no value can change it.
 */
import { isObject, type Json, type JsonObject, ownProperty } from '../../../core/json/json.ts'
import { nearest } from '../../../core/text/nearest.ts'
import {
  type CompileContext,
  conditionLeaf,
  type NodePath,
  problem,
  type Render,
  TEMPLATE_FILE,
  textLeaf,
  unknownKey,
  urlLeaf,
} from './leaf.ts'
import { blocks, elements, LONGEST_LITERAL, type Shape, type Slot } from './shape.ts'

export function blockList(context: CompileContext, raw: unknown): Render<Json[]> {
  if (raw === undefined || raw === null) return () => []
  refuseRepeatedIds(context, raw)
  return listOf(context, raw, ['blocks'], Number.POSITIVE_INFINITY, (item, path) =>
    typed(context, item, path, blocks, Object.keys(blocks), 0),
  )
}

function refuseRepeatedIds(context: CompileContext, raw: unknown): void {
  const seen = new Set<unknown>()
  for (const [index, block] of (Array.isArray(raw) ? raw : []).entries()) {
    const id = ownProperty(block, 'block_id')
    if (id !== undefined && seen.has(id)) {
      problem(context, ['blocks', index, 'block_id'], `the block_id ${JSON.stringify(id)} is used twice`)
    }
    seen.add(id)
  }
}

function listOf(
  context: CompileContext,
  raw: unknown,
  path: NodePath,
  most: number,
  compile: (item: unknown, path: NodePath) => Render<Json>,
): Render<Json[]> {
  if (!Array.isArray(raw)) {
    problem(context, path, 'must be a list')
    return () => undefined
  }
  const items = raw.map((item: unknown, index) => conditional(context, item, [...path, index], compile))
  const line = context.yaml.at(path).line
  return (rendering) => {
    const rendered = items.map((item) => item(rendering)).filter((item) => item !== undefined)
    if (rendered.length > most) {
      rendering.cut = true
      rendering.notes.add(`cut to ${most} (${TEMPLATE_FILE}:${line})`)
    }
    return rendered.length === 0 ? undefined : rendered.slice(0, most)
  }
}

/** An item of a list, which may have an `if`. */
function conditional(
  context: CompileContext,
  raw: unknown,
  path: NodePath,
  compile: (item: unknown, path: NodePath) => Render<Json>,
): Render<Json> {
  if (!isObject(raw) || !Object.hasOwn(raw, 'if')) return compile(raw, path)
  const { if: condition, ...item } = raw
  const holds = conditionLeaf(context, condition, [...path, 'if'])
  const render = compile(item, path)
  return (rendering) => (holds(rendering) ? render(rendering) : undefined)
}

/** A mapping whose `type` says which of the shapes it has. */
function typed(
  context: CompileContext,
  raw: unknown,
  path: NodePath,
  shapes: Readonly<Record<string, Shape>>,
  allowed: readonly string[],
  longest: number,
): Render<JsonObject> {
  const type = ownProperty(raw, 'type')
  const shape = typeof type === 'string' && allowed.includes(type) ? shapes[type] : undefined
  if (!isObject(raw) || typeof type !== 'string' || shape === undefined) {
    const place = isObject(raw) && type !== undefined ? [...path, 'type'] : path
    const near = typeof type === 'string' ? meantType(type, allowed) : undefined
    const unknown =
      near === undefined ? '' : `unknown type ${JSON.stringify(type)}, did you mean ${near}? It `
    problem(context, place, `${unknown}needs a type: ${allowed.join(', ')}`)
    return () => undefined
  }
  return shaped(context, raw, type, path, shape, longest)
}

// Other names that people may use for a type, from Slack or elsewhere.
const OTHER_NAMES: Readonly<Record<string, string>> = {
  markdown: 'mrkdwn',
  text: 'section',
  title: 'header',
  heading: 'header',
  hr: 'divider',
  buttons: 'actions',
}

/** The type that was probably meant. */
function meantType(type: string, allowed: readonly string[]): string | undefined {
  const other = OTHER_NAMES[type]
  return other !== undefined && allowed.includes(other) ? other : nearest(type, allowed)
}

function shaped(
  context: CompileContext,
  raw: JsonObject,
  type: string,
  path: NodePath,
  shape: Shape,
  longest: number,
): Render<JsonObject> {
  checkKeys(context, raw, type, path, shape)
  const parts = Object.entries(shape.slots)
    .filter(([key]) => Object.hasOwn(raw, key))
    .map(([key, slot]) => [key, filled(context, slot, raw[key], [...path, key], longest)] as const)
  return (rendering) => {
    const result: Record<string, Json> = { type }
    for (const [key, render] of parts) {
      const value = render(rendering)
      if (value !== undefined) result[key] = value
    }
    if (type === 'mrkdwn') result.verbatim = true
    const complete = shape.required.every((key) => Object.hasOwn(result, key))
    const some = shape.oneOf?.some((key) => Object.hasOwn(result, key)) ?? true
    return complete && some ? result : undefined
  }
}

function checkKeys(
  context: CompileContext,
  raw: JsonObject,
  type: string,
  path: NodePath,
  shape: Shape,
): void {
  const known = ['type', ...Object.keys(shape.slots)]
  for (const key of Object.keys(raw)) {
    if (!known.includes(key)) unknownKey(context, [...path, key], known)
  }
  for (const key of shape.required) {
    if (!Object.hasOwn(raw, key)) problem(context, path, `a ${type} needs the key ${key}`)
  }
  if (shape.oneOf !== undefined && !shape.oneOf.some((key) => Object.hasOwn(raw, key))) {
    problem(context, path, `a ${type} needs one of the keys ${shape.oneOf.join(', ')}`)
  }
}

function filled(
  context: CompileContext,
  slot: Slot,
  raw: unknown,
  path: NodePath,
  longest: number,
): Render<Json> {
  switch (slot.kind) {
    case 'literal':
      return literal(context, raw, path, slot.values)
    case 'flag':
      if (typeof raw !== 'boolean') problem(context, path, 'must be true or false')
      return () => raw === true
    case 'url':
      return urlLeaf(context, raw, path)
    case 'mrkdwn':
    case 'plain': {
      const render = textLeaf(context, raw, path, slot.kind, path.at(-1) === 'text' ? longest : slot.longest)
      return (rendering) => render(rendering) ?? slot.instead
    }
    case 'one':
      return typed(context, raw, path, elements, slot.of, slot.longest)
    case 'list':
      return listOf(context, raw, path, slot.most, (item, place) =>
        typed(context, item, place, elements, slot.of, slot.longest),
      )
  }
}

function literal(
  context: CompileContext,
  raw: unknown,
  path: NodePath,
  values?: readonly string[],
): Render<string> {
  if (typeof raw !== 'string' || raw === '' || raw.length > LONGEST_LITERAL || /\{[{%]/.test(raw)) {
    problem(context, path, `must be text of at most ${LONGEST_LITERAL} characters and without {{ }} or {% %}`)
  } else if (values !== undefined && !values.includes(raw)) {
    problem(context, path, `must be ${values.join(' or ')}`)
  }
  return () => String(raw)
}
