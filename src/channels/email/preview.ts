/** Mail's part of a preview: the line in the mailbox, and both parts of the mail. */
import { escapeHtml } from '../../core/text/html.ts'
import type { ChannelPreview, PreviewContext, ReceiverAt } from '../preview.ts'
import { type Mailbox, parseMailbox } from './address.ts'
import type { EmailReceiver, EmailSettings } from './settings.ts'
import type { Mail } from './template/rendering.ts'

// Without a script the page cannot ask the frame how tall its content is: the text part gives an estimate.
const LINE_PX = 30
const LAYOUT_PX = 260
const TALLEST_PX = 1_200

function toHtml(
  { subject, preheader, html, text }: Mail,
  { settings, target }: PreviewContext<EmailSettings>,
): string {
  const from = settings?.from
  const height = Math.min(LAYOUT_PX + text.trim().split('\n').length * LINE_PX, TALLEST_PX)
  return `<div class="mail">
<h3>In the mailbox</h3>
<div class="mail-row">${from === undefined ? '' : `<b>${escapeHtml(from.name || from.address)}</b> `}<span><b>${escapeHtml(subject)}</b>${
    preheader === '' ? '' : ` <span class="mail-preheader">${escapeHtml(preheader)}</span>`
  }</span></div>
<dl>${from === undefined ? '' : `<dt>From</dt><dd>${escapeHtml(mailboxWords(from))}</dd>`}${
    target === null ? '' : `<dt>To</dt><dd>${escapeHtml(target)}</dd>`
  }<dt>Subject</dt><dd>${escapeHtml(subject)}</dd>${
    preheader === '' ? '' : `<dt>Preheader</dt><dd>${escapeHtml(preheader)}</dd>`
  }</dl>
<h3>HTML part</h3>
<iframe title="The HTML part" sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="${escapeHtml(inNewTabs(html))}" style="height:${height}px"></iframe>
<h3>Text part</h3>
<pre>${escapeHtml(text.trim())}</pre>
</div>`
}

function mailboxWords({ name, address }: Mailbox): string {
  return name === '' ? address : `${name} <${address}>`
}

/** Links open in a new tab: the sandbox does not let the frame itself navigate. */
function inNewTabs(html: string): string {
  return html.replace(/<head\b[^>]*>/i, (head) => `${head}<base target="_blank">`)
}

const css = `
.mail { --text: #1c2230; --faint: #5b6472; --paper: #fff; --line: #dfe2e8; --frame: #f3f4f6; color: var(--text);
  overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { .mail { --text: #e7e9ee; --faint: #9aa3b2; --paper: #191c22; --line: #2f343d;
  --frame: #0f1115 } }
.mail-row { display: flex; flex-wrap: wrap; gap: 2px 20px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--paper); font-size: 14px }
.mail-row > span { flex: 1 1 20em; min-width: 0 }
.mail-preheader { color: var(--faint) }
.mail-preheader::before { content: "– " }
.mail dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 16px 0; font-size: 14px }
.mail dt { color: var(--faint) }
.mail dd { margin: 0; min-width: 0 }
.mail iframe { display: block; box-sizing: border-box; width: 100%; border: 1px solid var(--line); border-radius: 8px;
  background: var(--frame); resize: vertical }
.mail pre { margin: 0; padding: 16px 20px; border: 1px solid var(--line); border-radius: 8px; background: var(--paper);
  font: 13px/1.55 ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; white-space: pre-wrap }`

function receiverAt(address: string): ReceiverAt<EmailReceiver> {
  const mailbox = parseMailbox(address)
  return mailbox === null
    ? { ok: false, reason: 'it is not a mail address, such as jane@example.org' }
    : { ok: true, receiver: { to: [mailbox] } }
}

export const emailPreview: ChannelPreview<EmailSettings, EmailReceiver, Mail> = {
  toHtml,
  css,
  withPreviewBanner: (mail) => ({ ...mail, subject: `[Preview] ${mail.subject}` }),
  receiverAt,
}
