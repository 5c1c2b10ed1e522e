/**
 * The blocks and elements a template may hold, with Slack's limits. The list is closed: what Slack would refuse
 * is found at load, and nothing that mentions people by itself, such as rich_text, can be written. It leaves out
 * elements whose clicks need a response; a button opens a URL.
 */
export type Slot =
  /** Sent as written, never rendered: no value can change it. */
  | { readonly kind: 'literal'; readonly values?: readonly string[] }
  | { readonly kind: 'flag' }
  | { readonly kind: 'mrkdwn' | 'plain'; readonly longest: number; readonly instead?: string }
  | { readonly kind: 'url' }
  | { readonly kind: 'one'; readonly of: readonly ElementName[]; readonly longest: number }
  | {
      readonly kind: 'list'
      readonly of: readonly ElementName[]
      readonly longest: number
      readonly most: number
    }

export interface Shape {
  readonly slots: Readonly<Record<string, Slot>>
  readonly required: readonly string[]
  /** At least one of these must be present. */
  readonly oneOf?: readonly string[]
}

type ElementName = 'mrkdwn' | 'plain_text' | 'image' | 'button'

export const LONGEST_TEXT = 4_000
/** Of all text in the blocks together; Slack refuses somewhere between 11,000 and 13,000. */
export const LONGEST_TOTAL = 10_000
export const LONGEST_LITERAL = 255

const LONGEST_ALT = 2_000
const literal: Slot = { kind: 'literal' }
const flag: Slot = { kind: 'flag' }
const altText: Slot = { kind: 'plain', longest: LONGEST_ALT, instead: 'image' }

/** The limit of a text depends on the block that holds it, and replaces the one given here. */
export const elements: Readonly<Record<ElementName, Shape>> = {
  mrkdwn: { slots: { text: { kind: 'mrkdwn', longest: 3_000 }, verbatim: flag }, required: ['text'] },
  plain_text: { slots: { text: { kind: 'plain', longest: 3_000 }, emoji: flag }, required: ['text'] },
  image: { slots: { image_url: { kind: 'url' }, alt_text: altText }, required: ['image_url', 'alt_text'] },
  button: {
    slots: {
      text: { kind: 'one', of: ['plain_text'], longest: 75 },
      url: { kind: 'url' },
      style: { kind: 'literal', values: ['primary', 'danger'] },
      action_id: literal,
      accessibility_label: { kind: 'plain', longest: 75 },
    },
    required: ['text', 'url'],
  },
}

export const blocks: Readonly<Record<string, Shape>> = {
  header: {
    slots: { text: { kind: 'one', of: ['plain_text'], longest: 150 }, block_id: literal },
    required: ['text'],
  },
  section: {
    slots: {
      text: { kind: 'one', of: ['mrkdwn', 'plain_text'], longest: 3_000 },
      fields: { kind: 'list', of: ['mrkdwn', 'plain_text'], longest: 2_000, most: 10 },
      accessory: { kind: 'one', of: ['button', 'image'], longest: 75 },
      expand: flag,
      block_id: literal,
    },
    required: [],
    oneOf: ['text', 'fields'],
  },
  context: {
    slots: {
      elements: { kind: 'list', of: ['mrkdwn', 'plain_text', 'image'], longest: 2_000, most: 10 },
      block_id: literal,
    },
    required: ['elements'],
  },
  actions: {
    slots: { elements: { kind: 'list', of: ['button'], longest: 75, most: 25 }, block_id: literal },
    required: ['elements'],
  },
  image: {
    slots: {
      image_url: { kind: 'url' },
      alt_text: altText,
      title: { kind: 'one', of: ['plain_text'], longest: 2_000 },
      block_id: literal,
    },
    required: ['image_url', 'alt_text'],
  },
  divider: { slots: { block_id: literal }, required: [] },
}
