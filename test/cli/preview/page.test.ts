import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { channels } from '../../../src/channels/channels.ts'
import type { ChannelPreview } from '../../../src/channels/preview.ts'
import { previewPage } from '../../../src/cli/preview/page.ts'
import type { CompiledConfig } from '../../../src/config/compiled.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Event } from '../../../src/core/event.ts'
import { preview, type Wanted } from '../../../src/core/template/preview.ts'
import { anyText } from '../../support/any-text.ts'
import { anEvent } from '../../support/event.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { tagsOf } from '../../support/html.ts'
import { secret, temporaryFolder } from '../../support/service.ts'
import { shippedTemplates } from '../../support/template-files.ts'

const example = fileURLToPath(new URL('../../../config.example.yaml', import.meta.url))
const env = {
  CUURO_WEBHOOK_SECRET: secret,
  SLACK_BOT_TOKEN: 'xoxb-only-tests-know-this-token',
  SMTP_URL: 'smtp://alerts:only-tests-know-this-password@mail.example.com',
}

function exampleSetup(): CompiledConfig {
  const loaded = loadConfig(example, env)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.compiled
}

const compiled = exampleSetup()
const previews = new Map<string, ChannelPreview>()
for (const { name, preview } of channels) if (preview) previews.set(name, await preview())

function page(event: Event, wanted: Wanted = {}): string {
  const names = channels.map(({ name }) => name)
  const parts = { ...compiled, renderers: compiled.templates.renderers, channels: names }
  const now = Date.UTC(2026, 10, 23, 12, 0, 5)
  return previewPage({
    compiled,
    previews,
    event,
    madeUp: [],
    preview: preview(parts, event, wanted),
    wanted,
    now,
    timeZone: 'UTC',
  })
}

t.test('golden pages of the shipped templates; UPDATE_GOLDEN=1 writes them anew', async (t) => {
  for (const name of shippedTemplates) {
    const data = { id: '0191e29a-1644-7972-9466-18ada4a3636e', name: 'A & B <Ltd>', score: 7.5, city: 'Bonn' }
    const type = name === 'default' ? 'company.updated' : name
    const html = page(anEvent({ type, payload: { data, event: type } }), { template: name })
    tagsOf(html)
    const file = new URL(`../../golden/${name}.preview.html`, import.meta.url)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, html)
    t.equal(html, readFileSync(file, 'utf8'), name)
  }
})

t.test('the page runs no script and fetches nothing', async (t) => {
  const html = page(anEvent())
  const tags = tagsOf(html)
  const policy = tags.find(({ attributes }) => attributes.get('http-equiv') === 'Content-Security-Policy')
  t.match(policy?.attributes.get('content'), /^default-src 'none'; style-src 'unsafe-inline'; img-src data:;/)
  const frames = tags.filter(({ name }) => name === 'iframe')
  t.equal(frames.length, 1)
  t.equal(frames[0]?.attributes.get('sandbox'), 'allow-popups allow-popups-to-escape-sandbox')
  t.notMatch(html.replaceAll(/srcdoc="[^"]*"/g, ''), /url\(|@import|src=/)
  for (const value of Object.values(env)) t.notOk(html.includes(value), 'no secret is in it')
})

t.test('a hostile event adds no markup', async () => {
  const pieces = fc.constantFrom(
    ...[
      '<script>alert(1)</script>',
      '"',
      "'",
      '>',
      '<',
      '</pre>',
      '</iframe>',
      '&quot;',
      '&lt;',
      '-->',
      ']]>',
    ],
    ...[
      '" onload="alert(1)',
      'javascript:alert(1)',
      '{{ event }}',
      '*',
      '`',
      '\u0000',
      '\u2028',
      '</style><script>',
    ],
  )
  const hostile = fc
    .array(fc.oneof(pieces, anyText({ maxLength: 20 })), { maxLength: 12 })
    .map((found) => found.join('').slice(0, 200))
  fc.assert(
    fc.property(hostile, hostile, fc.constantFrom(...shippedTemplates), (text, type, template) => {
      const payload = { data: { id: text, [text]: text, url: text }, event: type }
      const event = anEvent({ type, payload, id: text, source: text })
      tagsOf(page(event, { template }))
      tagsOf(page(event))
    }),
    { numRuns: 60 },
  )
})

t.test('a page steers neither a terminal nor the direction of its text', async (t) => {
  const text = 'a\u001b[2J\u0007\u009b31m\r\n\u202eb\u2066c\u2028d'
  const payload = { data: { id: text, name: text, [text]: text }, event: text }
  const html = page(anEvent({ type: text, payload, id: text, source: text, subject: text }))
  t.notMatch(html, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
  t.match(html, '<title>Preview: a\\x1b[2J\\x07\\x9b31m\\x0d\\n\\u202eb\\u2066c\\u2028d</title>')
})

t.test('--html writes the page', async (t) => {
  const cwd = temporaryFolder(t)
  const args = ['--config', example, 'preview', '--type', 'analysis.completed']
  const written = await hookbridge([...args, '--html', 'page.html'], { cwd, env })
  t.match(written, {
    code: 0,
    out: '',
    err: /page\.html is written; open it in a browser: file:\/\/\/.*page\.html/,
  })
  const html = readFileSync(join(cwd, 'page.html'), 'utf8')
  t.ok(tagsOf(html).length > 40)
  const printed = await hookbridge([...args, '--html', '-'], { cwd, env })
  t.match(printed, { code: 0, err: '', out: /^<!doctype html>[\s\S]*<\/html>\n$/ })
  t.match(await hookbridge([...args, '--html', 'no/such/folder.html'], { cwd, env }), {
    code: 1,
    err: /there is no folder .*\/no\/such; make it, or name another one/,
  })
  const unrouted = await hookbridge([...args.slice(0, 3), '--type', 'x.y', '--html', '-'], { cwd, env })
  t.match(unrouted.out, /<li>No route takes x\.y; it goes where `unrouted` says\.<\/li>/)
})
