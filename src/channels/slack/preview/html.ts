/** A message as Slack draws it: the post with its blocks, and the notification that announces it. */

import { ownProperty } from '../../../core/json/json.ts'
import { escapeHtml } from '../../../core/text/html.ts'
import type { PreviewContext } from '../../preview.ts'
import type { SlackMessage } from '../message.ts'
import { safeLink } from '../mrkdwn.ts'
import { plain } from '../plain-text.ts'
import type { SlackSettings } from '../settings.ts'
import { type ReaderClock, timeWords } from './date.ts'
import { anchor, mrkdwnHtml, plainTextHtml } from './mrkdwn-html.ts'

const NAME = 'Hookbridge'
const LOGO = `<span class="slack-logo" aria-hidden="true">H</span>`

export function toHtml({ text, blocks }: SlackMessage, context: PreviewContext<SlackSettings>): string {
  const drawn = blocks.map((block) => drawBlock(block, context)).join('')
  const body = drawn === '' ? `<div class="slack-section">${mrkdwnHtml(text, context)}</div>` : drawn
  const place = context.target === null ? '' : `<div class="slack-place">${placeOf(context.target)}</div>`
  return `<div class="slack">
<div class="slack-window">${place}
<div class="slack-post">${LOGO}<div class="slack-body">
<div class="slack-by"><b>${NAME}</b> <span class="slack-app">APP</span> <span class="slack-time">${timeWords(context.now, context)}</span></div>
${body}
</div></div></div>
<div class="slack-notice"><h3>Notification</h3>
<div class="slack-toast">${LOGO}<div><b>${NAME}</b><br>${escapeHtml(plain(text))}</div></div></div>
</div>`
}

/** The target is a channel, a member's id for a direct message, or a webhook with the name of its receiver. */
function placeOf(target: string): string {
  const name = target.startsWith('#') ? target.slice(1) : target
  return `<span aria-hidden="true">${target.startsWith('#') ? '#' : '›'}</span> ${escapeHtml(name)}`
}

function drawBlock(block: unknown, clock: ReaderClock): string {
  switch (ownProperty(block, 'type')) {
    case 'header':
      return `<div class="slack-header">${textOf(ownProperty(block, 'text'), clock)}</div>`
    case 'section':
      return section(block, clock)
    case 'context':
      return `<div class="slack-context">${list(block, 'elements')
        .map((element) => `<div>${contextElement(element, clock)}</div>`)
        .join('')}</div>`
    case 'actions':
      return `<div class="slack-actions">${list(block, 'elements')
        .map((element) => button(element, clock))
        .join('')}</div>`
    case 'divider':
      return '<hr>'
    case 'image':
      return `<div class="slack-image">${title(block, clock)}${image(block)}</div>`
    default:
      return ''
  }
}

function section(block: unknown, clock: ReaderClock): string {
  const text = ownProperty(block, 'text')
  const words = text === undefined ? '' : `<div>${textOf(text, clock)}</div>`
  const fields = list(block, 'fields').map((field) => `<div>${textOf(field, clock)}</div>`)
  const accessory = ownProperty(block, 'accessory')
  return `<div class="slack-section"><div>${words}${
    fields.length === 0 ? '' : `<div class="slack-fields">${fields.join('')}</div>`
  }</div>${accessory === undefined ? '' : `<div class="slack-accessory">${accessoryOf(accessory, clock)}</div>`}</div>`
}

function accessoryOf(element: unknown, clock: ReaderClock): string {
  return ownProperty(element, 'type') === 'image' ? image(element) : button(element, clock)
}

function contextElement(element: unknown, clock: ReaderClock): string {
  return ownProperty(element, 'type') === 'image' ? image(element) : textOf(element, clock)
}

function button(element: unknown, clock: ReaderClock): string {
  const style = ownProperty(element, 'style')
  const look = style === 'primary' || style === 'danger' ? ` slack-${style}` : ''
  const words = textOf(ownProperty(element, 'text'), clock)
  const url = safeLink(ownProperty(element, 'url'))
  if (url === null) return `<span class="slack-button${look}">${words}</span>`
  return anchor(url, `slack-button${look}`, words)
}

function title(block: unknown, clock: ReaderClock): string {
  const text = ownProperty(block, 'title')
  return text === undefined ? '' : `<div>${textOf(text, clock)}</div>`
}

/** The alternative text instead of the image: fetching the image would tell its server who opens the preview. */
function image(element: unknown): string {
  const words = escapeHtml(String(ownProperty(element, 'alt_text') ?? 'image'))
  const url = safeLink(ownProperty(element, 'image_url'))
  const inner = `<span aria-hidden="true">🖼</span> ${words}`
  return url === null ? `<span class="slack-picture">${inner}</span>` : anchor(url, 'slack-picture', inner)
}

function textOf(value: unknown, clock: ReaderClock): string {
  const text = ownProperty(value, 'text')
  if (typeof text !== 'string') return ''
  return ownProperty(value, 'type') === 'mrkdwn' ? mrkdwnHtml(text, clock) : plainTextHtml(text)
}

function list(value: unknown, key: string): readonly unknown[] {
  const found = ownProperty(value, key)
  return Array.isArray(found) ? found : []
}
