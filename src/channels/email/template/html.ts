/** The HTML part: parsed Markdown, written with the inline styles that mail clients need. */
import type { Token } from 'markdown-it'
import { escapeHtml } from '../../../core/text/html.ts'
import { fill } from '../../values.ts'
import { isButton, linkTarget } from './markdown.ts'

// What is not set here, such as the font, comes from the layout, and so do the colours for dark mode.
const STYLES: Readonly<Record<string, string>> = {
  h1: 'margin:0 0 12px;font-size:22px;line-height:1.3;font-weight:700',
  h2: 'margin:24px 0 8px;font-size:18px;line-height:1.3;font-weight:700',
  h3: 'margin:20px 0 8px;font-size:16px;line-height:1.4;font-weight:700',
  p: 'margin:0 0 16px',
  ul: 'margin:0 0 16px;padding:0 0 0 24px',
  ol: 'margin:0 0 16px;padding:0 0 0 24px',
  li: 'margin:0 0 4px',
  blockquote: 'margin:0 0 16px;padding:0 0 0 16px;border-left:3px solid #d5d9e0',
  hr: 'margin:24px 0;border:0;border-top:1px solid #e3e6eb',
  table: 'margin:0 0 16px;border-collapse:collapse',
  th: 'padding:6px 16px 6px 0;text-align:left;vertical-align:top',
  td: 'padding:6px 16px 6px 0;vertical-align:top;overflow-wrap:anywhere',
}
const CODE = 'font-family:Menlo,Consolas,monospace;font-size:14px;overflow-wrap:anywhere'
const BLOCK = `margin:0 0 16px;padding:12px;border-radius:6px;background:#f3f4f6;white-space:pre-wrap;${CODE}`
// A fact is a row, and the rows fill the column.
const FACTS = `${STYLES.table};width:100%`
const FACT = `${STYLES.td};border-top:1px solid #e3e6eb`
const LABEL = `${FACT};width:30%;overflow-wrap:break-word;color:#5b6472`
const LINK = 'color:#4338ca'
// Borders instead of padding: Outlook ignores the padding of a link.
const BUTTON =
  'display:inline-block;border:solid #4338ca;border-width:11px 22px;border-radius:8px;' +
  'background:#4338ca;color:#ffffff;' +
  'font-weight:600;text-decoration:none'

/** Writes tokens as HTML; every value and every text is escaped. */
export function toHtml(tokens: readonly Token[], values: readonly string[]): string {
  let html = ''
  // A table of labels and values has an empty head, which would be shown as a gap.
  let facts = false
  let skipping = false
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'table_open') facts = isEmptyHead(tokens, index)
    if (token.type === 'thead_open') skipping = facts
    if (!skipping) html += facts ? factsBlock(token, tokens[index - 1], values) : block(token, values)
    if (token.type === 'thead_close') skipping = false
    if (token.type === 'table_close') facts = false
  }
  return html
}

/** Whether the head of the table that begins here is empty. */
export function isEmptyHead(tokens: readonly Token[], index: number): boolean {
  for (let at = index + 1; at < tokens.length; at += 1) {
    const token = tokens[at]
    if (token?.type === 'thead_close') return true
    if (token?.type === 'inline' && token.content.trim() !== '') return false
  }
  return true
}

function factsBlock(token: Token, previous: Token | undefined, values: readonly string[]): string {
  if (token.type === 'table_open') return `<table role="presentation" style="${FACTS}">`
  if (token.type === 'td_open' && previous?.type === 'tr_open') return `<td class="label" style="${LABEL}">`
  if (token.type === 'td_open') return `<td style="${FACT}">`
  return block(token, values)
}

function block(token: Token, values: readonly string[]): string {
  if (token.type === 'inline') return inline(token.children ?? [], values)
  if (token.type === 'fence' || token.type === 'code_block') {
    return `<pre class="code" style="${BLOCK}">${escapeHtml(fill(token.content, values))}</pre>\n`
  }
  if (token.hidden) return ''
  if (token.nesting === -1) return `</${token.tag}>\n`
  const style = [STYLES[token.tag], token.attrGet('style')].filter(Boolean).join(';')
  const start = token.attrGet('start')
  return `<${token.tag}${start === null ? '' : ` start="${start}"`}${style && ` style="${style}"`}>`
}

function inline(children: readonly Token[], values: readonly string[]): string {
  const button = isButton(children)
  let html = ''
  // For each open link, whether it has a valid target; if not, only its text is written.
  const open: boolean[] = []
  for (const token of children) {
    switch (token.type) {
      case 'text':
        html += escapeHtml(fill(token.content, values))
        break
      case 'code_inline':
        html += `<code style="${CODE}">${escapeHtml(fill(token.content, values))}</code>`
        break
      case 'softbreak':
        html += '\n'
        break
      case 'hardbreak':
        html += '<br>\n'
        break
      case 'image':
        html += image(token, values)
        break
      case 'link_open': {
        const target = linkTarget(String(token.attrGet('href')), values)
        open.push(target !== null)
        if (target !== null) html += link(target, button)
        break
      }
      case 'link_close':
        if (open.pop()) html += '</a>'
        break
      default:
        html += token.nesting === -1 ? `</${token.tag}>` : `<${token.tag}>`
    }
  }
  return html
}

function link(target: string, button: boolean): string {
  const look = button ? `class="button" style="${BUTTON}"` : `style="${LINK}"`
  return `<a href="${escapeHtml(target)}" ${look}>`
}

function image(token: Token, values: readonly string[]): string {
  const description = escapeHtml(fill(token.content, values))
  const source = linkTarget(String(token.attrGet('src')), values)
  if (source === null) return description
  return `<img src="${escapeHtml(source)}" alt="${description}" style="max-width:100%;border:0">`
}
