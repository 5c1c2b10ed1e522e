/** A preview as one HTML page that has no scripts and loads nothing; every value is escaped. */
import { channels } from '../../channels/channels.ts'
import type { ChannelPreview } from '../../channels/preview.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Event } from '../../core/event.ts'
import { skippedBecause } from '../../core/routing/plan.ts'
import type { Preview, PreviewedMessage, Wanted } from '../../core/template/preview.ts'
import { escapeHtml } from '../../core/text/html.ts'
import { printable, printableLines } from '../terminal/terminal.ts'
import { nameOf, noticesOf } from './text.ts'

export interface PageContent {
  readonly compiled: Pick<CompiledConfig, 'config'>
  /** By channel; channels without a preview are left out. */
  readonly previews: ReadonlyMap<string, ChannelPreview>
  readonly event: Event
  /** The fields of enrich that have sample values. */
  readonly madeUp: readonly string[]
  readonly preview: Preview
  readonly wanted: Wanted
  /** The time of the preview, in milliseconds, and an IANA time zone to show it in. */
  readonly now: number
  readonly timeZone: string
}

// The HTML of channels has style attributes. The frame with a mail's HTML inherits this policy.
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

const css = `
:root { color-scheme: light dark; --page: #f6f6f8; --ink: #1c2230; --quiet: #5b6472; --rule: #dfe2e8; --warn: #7a5200;
  --warn-page: #fff6dd; --bad: #a4133c; --bad-page: #ffe9ee }
@media (prefers-color-scheme: dark) { :root { --page: #101216; --ink: #e7e9ee; --quiet: #9aa3b2; --rule: #2f343d; --warn: #f4d58a;
  --warn-page: #2b2413; --bad: #ff9db4; --bad-page: #35161f } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 40px 24px 64px; max-width: 820px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; overflow-wrap: anywhere }
header p { margin: 0; color: var(--quiet); font-size: 14px }
h1 { margin: 0 0 4px; font-size: 26px; line-height: 1.25 }
article { margin-top: 40px; padding-top: 20px; border-top: 1px solid var(--rule) }
h2 { margin: 0; font-size: 18px; line-height: 1.35 }
h3 { margin: 20px 0 8px; color: var(--quiet); font: 600 12px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
  letter-spacing: .04em; text-transform: uppercase }
.facts { margin: 0 0 16px; color: var(--quiet); font-size: 14px }
.note, .failure { margin: 0 0 12px; padding: 8px 12px; border-radius: 8px; background: var(--warn-page); color: var(--warn);
  font-size: 14px }
.note ul { margin: 0; padding: 0; list-style: none }
.failure { background: var(--bad-page); color: var(--bad) }
.plain { margin: 0; padding: 16px 20px; border-radius: 8px; background: #16181d; color: #d7dae0;
  font: 13px/1.6 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { .plain { outline: 1px solid #2b3038 } }
header .note { margin: 16px 0 0; color: var(--warn) }
@media (max-width: 480px) { body { padding: 24px 12px 40px } h1 { font-size: 22px } }`

/** The whole page, to write to a file. */
export function previewPage(content: PageContent): string {
  const { event, preview, previews, wanted, madeUp } = content
  const notices = noticesOf(event, preview, wanted, madeUp)
  const drawn = preview.messages.map((message) => drawMessage(content, message))
  const skipped = preview.skipped.map(
    (delivery) => `${nameOf(delivery.destination)}: skipped, ${skippedBecause(delivery)}`,
  )
  const used = [...previews].filter(([name]) => preview.messages.some(({ channel }) => channel === name))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Preview: ${plain(event.type)}</title>
<style>${[css, ...used.map(([, { css }]) => css)].join('')}
</style>
</head>
<body>
<header>
<h1>${plain(event.type)}</h1>
<p>Preview of ${plain(event.id)} from ${plain(event.source)}</p>${notes([...notices, ...skipped])}
</header>
${drawn.join('\n')}
</body>
</html>
`
}

function drawMessage(content: PageContent, message: PreviewedMessage): string {
  const { route, receiver, rendered } = message
  const facts = [
    ...(route === null ? [] : [`route ${route}`]),
    ...(receiver === null ? [] : [`receiver ${receiver}`]),
    ...(rendered.ok ? [`template ${rendered.template}`] : []),
  ]
  const body = rendered.ok
    ? `${notes(rendered.notes)}\n${toHtml(content, message, rendered.message)}`
    : `<p class="failure">${plain(rendered.reason)}</p>`
  return `<article>
<h2>${plain(nameOf(message))}</h2>
<p class="facts">${plain(facts.join(' · '))}</p>
${body}
</article>`
}

/** As the channel draws it, or else as plain text. */
function toHtml(
  { compiled, previews, now, timeZone }: PageContent,
  { channel: name, target }: PreviewedMessage,
  message: unknown,
): string {
  const preview = previews.get(name)
  if (preview !== undefined) {
    return preview.toHtml(message, { settings: compiled.config.channels[name], target, now, timeZone })
  }
  const channel = channels.find((one) => one.name === name)
  if (channel === undefined) throw new Error(`no channel ${name}`)
  return `<pre class="plain">${escapeHtml(printableLines(channel.toText(message)))}</pre>`
}

function notes(lines: readonly string[]): string {
  if (lines.length === 0) return ''
  const items = lines.map((line) => `<li>${plain(line)}</li>`)
  return `\n<div class="note"><ul>${items.join('')}</ul></div>`
}

/** Text from outside, escaped so that it can neither be markup nor change the direction of the text around it. */
function plain(text: string): string {
  return escapeHtml(printable(text))
}
