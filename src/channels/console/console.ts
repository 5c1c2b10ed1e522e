/** Prints messages where the service runs: to try a route without an account anywhere. */
import * as z from 'zod'
import { escapeHtml } from '../../core/html.ts'
import { createEngine, type RenderView, type Template, TemplateError } from '../../core/template/template.ts'
import type { Channel, Compiled, RenderResult, TemplateFile } from '../channel.ts'

export interface ConsoleMessage {
  readonly text: string
}

type Nothing = Readonly<Record<never, never>>

const FILE = 'console.txt'
/** For a template folder that says nothing about the console. */
const SUMMARY =
  '{{ event.type }} from {{ event.source }} ({{ event.id }}){% if link != "" %} {{ link }}{% endif %}'

// A value can neither start a line of its own nor drive the terminal.
const engine = createEngine((text) => text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' '))

export const consoleChannel: Channel<Nothing, Nothing, ConsoleMessage> = {
  name: 'console',
  settings: z.strictObject({}).describe('Messages are printed where the service runs. It has no settings.'),
  receiver: z.strictObject({}).describe('Print the messages where the service runs. It has no settings.'),
  templateFiles: [FILE],
  sharedFiles: [],
  missingSettings: () => null,
  targets: () => [{ target: 'console', lane: 'console' }],
  compile: ({ files }) => compile(files.get(FILE)),
  toText: ({ text }) => text,
  // It writes where the service runs: nothing can be in its way.
  examine: () => Promise.resolve([]),
  toHtml: ({ text }) => `<pre class="console">${escapeHtml(text)}</pre>`,
  css: `
.console { margin: 0; padding: 16px 20px; border-radius: 8px; background: #16181d; color: #d7dae0;
  font: 13px/1.6 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { .console { outline: 1px solid #2b3038 } }`,
  withPreviewBanner: ({ text }) => ({ text: `[Preview] ${text}` }),
  receiverAt: () => ({ ok: true, receiver: {} }),
  open: (_settings, _receivers, env) => ({
    pace: { rate: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY, concurrency: 1 },
    concurrency: 1,
    async send(message, delivery) {
      env.print(message.text)
      return { kind: 'sent', reference: { delivery: delivery.id } }
    },
    async close() {},
  }),
}

function compile(file: TemplateFile | undefined): Compiled<ConsoleMessage> {
  const path = file?.path ?? FILE
  try {
    const template = engine.compile(file?.text ?? SUMMARY)
    if (template.unknown.length > 0) return { ok: false, problems: template.unknown.map(problem) }
    return { ok: true, renderer: { render: (view) => render(template, view, path) } }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { ok: false, problems: [problem(error)] }
  }

  function problem({ line, column, message }: TemplateError) {
    return { path, line, column, message }
  }
}

function render(template: Template, view: RenderView, path: string): RenderResult<ConsoleMessage> {
  try {
    const { text, missing } = template.render(view)
    return {
      ok: true,
      message: { text: text.trim() },
      notes: missing.map((name) => `unknown variable ${name} (${path})`),
    }
  } catch (error) {
    if (error instanceof TemplateError) return { ok: false, reason: error.message }
    throw error
  }
}
