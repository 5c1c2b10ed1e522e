/** Puts the values of an HTML template (email.html, layout.html) back, each escaped for its place in the page. */
import { escapeHtml } from '../../../core/text/html.ts'
import { fill } from '../../values.ts'
import { linkTarget } from './markdown.ts'

// A tag with its attributes, whose quoted values may contain a `>`; also within a comment, because Outlook reads some comments.
const TAG = /<[a-z](?:[^<>"']|"[^"]*"|'[^']*')*>/gi
const ATTRIBUTE = /(?<![^\s"'/])([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g
/** Attributes that hold one URL. */
const URLS: ReadonlySet<string> = new Set([
  'action',
  'background',
  'cite',
  'formaction',
  'href',
  'poster',
  'src',
  'xlink:href',
])

/** A URL that contains a value is encoded as in email.md. One that is not http, https or mailto is left out. */
export function fillHtml(html: string, values: readonly string[]): string {
  if (values.length === 0) return html
  let filled = ''
  let end = 0
  for (const { 0: tag, index } of html.matchAll(TAG)) {
    filled += fill(html.slice(end, index), values, escapeHtml) + fillTag(tag, values)
    end = index + tag.length
  }
  return filled + fill(html.slice(end), values, escapeHtml)
}

function fillTag(tag: string, values: readonly string[]): string {
  if (fill(tag, values, () => '') === tag) return tag
  let filled = ''
  let end = 0
  for (const { 0: attribute, 1: name = '', 2: equals = '', 3: value = '', index } of tag.matchAll(
    ATTRIBUTE,
  )) {
    filled += fill(tag.slice(end, index), values, escapeUnquoted) + fillAttribute(name, equals, value, values)
    end = index + attribute.length
  }
  return filled + fill(tag.slice(end), values, escapeUnquoted)
}

function fillAttribute(name: string, equals: string, written: string, values: readonly string[]): string {
  const isQuoted = /^["']/.test(written)
  const text = isQuoted ? written.slice(1, -1) : written
  const filledName = fill(name, values, escapeUnquoted)
  if (URLS.has(name.toLowerCase()) && fill(text, values, () => '') !== text) {
    const target = linkTarget(unescapeHtml(text), values)
    return target === null ? '' : `${filledName}="${escapeHtml(target)}"`
  }
  return filledName + equals + fill(written, values, isQuoted ? escapeHtml : escapeUnquoted)
}

/** Within a tag and outside of quotes: a value must not add an attribute. */
function escapeUnquoted(value: string): string {
  return escapeHtml(value).replaceAll(/[\s=`/]/g, (character) => `&#${character.charCodeAt(0)};`)
}

const CHARACTERS: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&#38;': '&',
  '&quot;': '"',
  '&#39;': "'",
  '&lt;': '<',
  '&gt;': '>',
}

/** As the author writes them in a URL. */
function unescapeHtml(text: string): string {
  return text.replaceAll(/&(?:amp|quot|lt|gt|#38|#39);/g, (entity) => CHARACTERS[entity] ?? entity)
}
