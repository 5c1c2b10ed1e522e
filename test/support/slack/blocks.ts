/** What Slack checks of a message's blocks, in Slack's words: written from its rules, and not from our own. */
import { isObject } from '../../../src/core/json/json.ts'

const TOTAL_TEXT = 12_000
const textTypes = ['mrkdwn', 'plain_text']

type Complain = (words: string, pointer: string) => void
type Check = (value: unknown, pointer: string, complain: Complain) => void

/** Slack's complaints about `blocks`; none where it would show them. */
export function checkBlocks(blocks: unknown): string[] {
  const complaints: string[] = []
  const complain: Complain = (words, pointer) => complaints.push(`[ERROR] ${words} [json-pointer:${pointer}]`)
  list(block, 0, 50)(blocks, '/blocks', complain)
  const ids = Array.isArray(blocks)
    ? blocks.map((item: unknown) => (isObject(item) ? item.block_id : undefined))
    : []
  const named = ids.filter((id) => id !== undefined)
  if (new Set(named).size < named.length) complain('block_id already exists', '/blocks')
  return complaints
}

/** Whether all text together is more than Slack takes (msg_blocks_too_long). */
export function areBlocksTooLong(blocks: unknown): boolean {
  return totalText(blocks) > TOTAL_TEXT
}

function totalText(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + totalText(item), 0)
  if (!isObject(value)) return 0
  return Object.entries(value).reduce(
    (sum, [key, item]) => sum + (typeof item === 'string' && !/text|title/.test(key) ? 0 : totalText(item)),
    0,
  )
}

const optional =
  (check: Check): Check =>
  (value, pointer, complain) => {
    if (value !== undefined) check(value, pointer, complain)
  }

function characters(most: number, least = 1): Check {
  return (value, pointer, complain) => {
    if (typeof value !== 'string') complain('must be a string', pointer)
    else if (value.trim().length < least) complain(`must be more than ${least - 1} characters`, pointer)
    else if (value.length > most) complain(`must be less than ${most + 1} characters`, pointer)
  }
}

function text(most: number, types: readonly string[] = textTypes): Check {
  return typedObject(types, () => ({
    text: characters(most),
    verbatim: optional(flag),
    emoji: optional(flag),
  }))
}

const flag: Check = (value, pointer, complain) => {
  if (typeof value !== 'boolean') complain('must be a boolean', pointer)
}

const url: Check = (value, pointer, complain) => {
  characters(3_000)(value, pointer, complain)
  if (typeof value === 'string' && !/^(https?:\/\/|mailto:)[^\s<>]+$/.test(value))
    complain('invalid url', pointer)
}

const style: Check = (value, pointer, complain) => {
  if (value !== 'primary' && value !== 'danger') complain(`unsupported style: ${value}`, pointer)
}

function list(item: Check, least: number, most: number): Check {
  return (value, pointer, complain) => {
    if (!Array.isArray(value)) return complain('must be an array', pointer)
    if (value.length > most) complain(`no more than ${most} items allowed`, pointer)
    if (value.length < least) complain(`must have at least ${least} items`, pointer)
    value.forEach((entry: unknown, index) => {
      item(entry, `${pointer}/${index}`, complain)
    })
  }
}

function typedObject(types: readonly string[], slots: (type: string) => Record<string, Check>): Check {
  return (value, pointer, complain) => {
    if (!isObject(value)) return complain('must be an object', pointer)
    const { type } = value
    if (typeof type !== 'string' || !types.includes(type)) {
      return complain(`unsupported type: ${type}`, `${pointer}/type`)
    }
    const checks = slots(type)
    for (const key of Object.keys(value)) {
      if (key !== 'type' && checks[key] === undefined)
        complain(`invalid additional property: ${key}`, pointer)
    }
    for (const [key, check] of Object.entries(checks)) check(value[key], `${pointer}/${key}`, complain)
  }
}

const imageSlots = { image_url: url, alt_text: characters(2_000) }

const elementSlots: Record<string, Record<string, Check>> = {
  mrkdwn: { text: characters(3_000), verbatim: optional(flag) },
  plain_text: { text: characters(3_000), emoji: optional(flag) },
  image: imageSlots,
  button: {
    text: text(75, ['plain_text']),
    url: optional(url),
    style: optional(style),
    value: optional(characters(2_000)),
    action_id: optional(characters(255)),
    accessibility_label: optional(characters(75)),
  },
}

function element(...types: readonly string[]): Check {
  return typedObject(types, (type) => elementSlots[type] ?? {})
}

const blockId = optional(characters(255))

const blockSlots: Record<string, Record<string, Check>> = {
  divider: { block_id: blockId },
  header: { text: text(150, ['plain_text']), block_id: blockId },
  section: {
    text: optional(text(3_000)),
    fields: optional(list(text(2_000), 1, 10)),
    accessory: optional(element('button', 'image')),
    expand: optional(flag),
    block_id: blockId,
  },
  context: { elements: list(element('mrkdwn', 'plain_text', 'image'), 1, 10), block_id: blockId },
  actions: { elements: list(element('button'), 1, 25), block_id: blockId },
  image: { ...imageSlots, title: optional(text(2_000, ['plain_text'])), block_id: blockId },
}

const anyBlock = typedObject(Object.keys(blockSlots), (type) => blockSlots[type] ?? {})

function block(value: unknown, pointer: string, complain: Complain): void {
  anyBlock(value, pointer, complain)
  if (isObject(value) && value.type === 'section' && value.text === undefined && value.fields === undefined) {
    complain('missing required field: text', pointer)
  }
}
