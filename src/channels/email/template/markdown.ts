/** Parses Markdown, and decides which links a mail may contain. */
import MarkdownIt, { type Token } from 'markdown-it'
import { joinUrl } from '../../../core/template/urls/url.ts'
import { piecesOf } from '../../values.ts'

const markdown = new MarkdownIt({ html: false, linkify: false })
const normalizeLink = markdown.normalizeLink.bind(markdown)
// The target of a link may be a placeholder: linkTarget checks it when its value is filled in.
markdown.normalizeLink = (url) => url
markdown.validateLink = () => true

/** The title of a link that is drawn as a button: `[Open]({{ link }} "button")`, alone in its paragraph. */
const BUTTON_TITLE = 'button'

const MOST_KEPT = 8
const LONGEST_KEPT = 20_000

/**
 * Makes a parser that remembers what it parsed. Parsing is the most expensive part of rendering, and since values are
 * set aside, a template gives the same Markdown for all events with the same outcome of its conditions.
 */
export function createParser(): (text: string) => readonly Token[] {
  const kept = new Map<string, readonly Token[]>()
  return (text) => {
    const cached = kept.get(text)
    if (cached !== undefined) return cached
    const tokens = markdown.parse(text, {})
    if (kept.size >= MOST_KEPT) kept.clear()
    if (text.length <= LONGEST_KEPT) kept.set(text, tokens)
    return tokens
  }
}

/** The target in a form that a mail may contain; null for anything but an http, https or mailto URL. */
export function linkTarget(url: string, values: readonly string[]): string | null {
  const joined = joinUrl(piecesOf(url, values))
  return joined === null ? null : normalizeLink(joined)
}

/** Whether the paragraph that holds these tokens is nothing but a button. */
export function isButton(children: readonly Token[]): boolean {
  const [first, ...rest] = children
  return (
    first?.type === 'link_open' &&
    first.attrGet('title') === BUTTON_TITLE &&
    rest.findIndex((token) => token.type === 'link_close') === rest.length - 1
  )
}
