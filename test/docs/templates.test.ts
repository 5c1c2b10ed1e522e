/**
 * docs/templates.md: its tables hold every variable, tag, filter, block and element there is, and its examples give
 * what the page says. UPDATE_GOLDEN=1 writes the messages of the page anew.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Liquid } from 'liquidjs'
import t, { type Test } from 'tap'
import { blocks, elements } from '../../src/channels/slack/template/shape.ts'
import { mrkdwnEngine } from '../../src/channels/slack/template/text.ts'
import { viewOf } from '../../src/core/event.ts'
import { createEngine, messageFields } from '../../src/core/template/template.ts'
import { anEvent, aRenderView } from '../support/event.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { temporaryFolder } from '../support/service.ts'
import { fenced, readPage, root } from './pages.ts'

const PAGE = 'docs/templates.md'
const page = readPage(PAGE)
const payload = JSON.parse(fenced(page, 'json')[0] ?? '')
const update = process.env.UPDATE_GOLDEN === '1'

const LINK = `https://app.example.com/analyses/${payload.data.id}`
const stage = (name: string, at: string) => ({ name, at })
const lifecycle = {
  name: 'analysis',
  stage: 'analysis.completed',
  is_last: true,
  started_at: '2026-11-23T11:48:00.000Z',
  elapsed: '12 min',
  approximate: false,
  stages: [
    stage('analysis.created', '2026-11-23T11:48:00.000Z'),
    stage('analysis.completed', '2026-11-23T12:00:00.000Z'),
  ],
}
const view = aRenderView(viewOf(anEvent({ payload }), lifecycle), {
  link: LINK,
  fallback: { receiver: 'partners', reason: 'not_in_channel' },
})
const plain = createEngine((text) => text)

/** The text under a heading, up to the next one of its level or above; a line of code is no heading. */
function under(heading: string): string {
  const level = heading.indexOf(' ')
  const lines = page.split('\n')
  const start = lines.indexOf(heading) + 1
  if (start === 0) throw new Error(`${PAGE} has no heading ${heading}`)
  let inCode = false
  const end = lines.findIndex((line, index) => {
    if (index < start) return false
    if (line.startsWith('```')) inCode = !inCode
    return !inCode && new RegExp(`^#{1,${level}} `).test(line)
  })
  return lines.slice(start, end === -1 ? undefined : end).join('\n')
}

/** The rows of the tables in a text, without their heads; code is unwrapped. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\|(.*)\|$/gm)]
    .map(([, row = '']) => row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')))
    .filter((cells) => !cells.some((cell) => /^-+$/.test(cell) || cell === 'Gives'))
}

const code = (cell: string) => /^`(.*)`$/.exec(cell)?.[1] ?? cell
const names = (cell: string) => [...cell.matchAll(/`([\w#.]+)/g)].map(([, name = '']) => name)

t.test('the examples in the tables give what they say', async (t) => {
  const all = rows(['## Variables', '## Tags', '## Filters'].map(under).join('\n'))
  t.ok(all.length > 90)
  for (const [, example = '', gives = ''] of all) {
    const text = code(example)
    const engine = text.includes('slack_') ? mrkdwnEngine : plain
    const template = engine.compile(text)
    t.strictSame(template.unknown, [], text)
    t.equal(template.render(view).text, code(gives), text)
  }
})

t.test('every variable is there', async (t) => {
  const variables = rows(under('## Variables')).flatMap(([cell = '']) => names(cell.split(':')[0] ?? ''))
  const expected = Object.entries(messageFields).flatMap(([root, fields]) =>
    fields === null || fields.length === 0 ? [root] : fields.map((field) => `${root}.${field}`),
  )
  t.strictSame(variables.filter((name) => name !== 'lifecycle').sort(), expected.sort())
})

t.test('every filter and every tag is there', async (t) => {
  const liquid = new Liquid()
  const filters = rows(under('## Filters')).flatMap(([cell = '']) => names(cell))
  t.strictSame(filters.sort(), [...Object.keys(liquid.filters), 'money', 'slack_date', 'slack_link'].sort())
  const tags = rows(under('## Tags')).flatMap(([cell = '']) => names(cell))
  const noFiles = ['include', 'layout', 'block']
  t.strictSame(
    [...tags, ...noFiles, 'render'].filter((tag) => !['elsif', 'else', 'when'].includes(tag)).sort(),
    Object.keys(liquid.tags).sort(),
  )
  for (const tag of ['include', 'render', 'layout'])
    t.throws(() => plain.compile(`{% ${tag} "x" %}`).render(view), tag)
})

t.test('the partial of the page', async (t) => {
  const shown = under('### Partials')
  const [, name = ''] = /`templates\/_(\w+)\.liquid`/.exec(shown) ?? []
  const [file = '', text = ''] = fenced(shown, 'liquid').map((code) => code.trim())
  const partials = new Map([[name, { path: `_${name}.liquid`, text: file }]])
  t.equal(plain.compile(text, undefined, partials).render(view).text, fenced(shown, 'text')[0]?.trim())
})

t.test('every block and every element is there, with all its keys', async (t) => {
  const headings = [...under('## slack.yaml').matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name)
  t.strictSame(headings.sort(), Object.keys(blocks).sort())
  for (const [name, { slots }] of Object.entries(blocks))
    for (const key of Object.keys(slots)) t.match(under(`### ${name}`), `\`${key}\``, `${name}.${key}`)
  const table = rows(under('### The elements within blocks'))
  for (const [name, { slots }] of Object.entries(elements)) {
    const keys = table.find(([cell = '']) => code(cell) === name)?.[1] ?? ''
    // Slack's `verbatim` is always set.
    for (const key of Object.keys(slots).filter((key) => key !== 'verbatim'))
      t.match(keys, `\`${key}`, `${name}.${key}`)
  }
})

interface Message {
  readonly text: string
  readonly blocks: readonly unknown[]
  readonly subject: string
  readonly html: string
}

/** The message that `hookbridge preview` makes of the page's event with these files. */
async function preview(t: Test, channel: string, files: Readonly<Record<string, string>>): Promise<Message> {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'templates/mine'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'templates', name), text)
  writeFileSync(join(folder, 'body.json'), JSON.stringify(payload))
  writeFileSync(
    join(folder, 'config.yaml'),
    `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
templates: templates
links: { "analysis.*": "https://app.example.com/analyses/{{ data.id }}" }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}" }, email: { smtp: smtp://127.0.0.1, from: alerts@example.com } }
receivers:
  deal-flow: { slack: { channel: "#deal-flow" }, email: { to: [partners@example.com] }, console: {} }
routes: [{ name: completed analyses, template: mine, receivers: [deal-flow] }]
`,
  )
  const { code, out, err } = await hookbridge(['preview', 'body.json', '--channel', channel, '--json'], {
    cwd: folder,
  })
  t.equal(code, 0, err)
  const [message] = JSON.parse(out).messages
  t.strictSame(message.notes, [])
  t.equal(message.template, 'mine')
  return message.message
}

/** A block of the page, and the one that follows it: an example, and what comes of it. */
function pair(heading: string, language: string): { readonly example: string; readonly gives: string } {
  const [example, gives] = [...under(heading).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .map(([, language, text = '']) => ({ language, text }))
    .filter((one, index, all) => one.language === language || all[index - 1]?.language === language)
  if (example === undefined || gives === undefined) throw new Error(`${heading} has no example with a result`)
  return { example: example.text, gives: gives.text }
}

let updated = page
function holds(t: Test, shown: string, rendered: string): void {
  if (update) updated = updated.replace(`\n${shown}\`\`\``, () => `\n${rendered}\`\`\``)
  else t.equal(shown, rendered)
}

t.test('slack.yaml gives what the page shows', async (t) => {
  const { example, gives } = pair('## slack.yaml', 'yaml')
  const message = await preview(t, 'slack', { 'mine/slack.yaml': example })
  holds(t, gives, `${JSON.stringify(message, null, 2)}\n`)
})

t.test('every example of a block renders whole', async (t) => {
  for (const name of Object.keys(blocks)) {
    const examples = fenced(under(`### ${name}`), 'yaml')
    t.equal(examples.length, 1, name)
    for (const example of examples) {
      const message = await preview(t, 'slack', { 'mine/slack.yaml': `text: example\nblocks:\n${example}` })
      t.equal(message.blocks.length, example.match(/^- type:/gm)?.length, name)
      t.match(JSON.stringify(message.blocks), `"type":"${name}"`)
    }
  }
})

t.test('email.md gives what the page shows', async (t) => {
  const { example, gives } = pair('## email.md', 'markdown')
  const message = await preview(t, 'email', { 'mine/email.md': example })
  holds(t, gives, `Subject: ${message.subject}\n\n${message.text}`)
  t.match(message.html, `class="button"`)
})

t.test('email.html and the layouts work as the page shows them', async (t) => {
  const { example } = pair('## email.md', 'markdown')
  const [html = ''] = fenced(under('### email.html and email.txt'), 'html')
  const own = await preview(t, 'email', { 'mine/email.md': example, 'mine/email.html': html })
  t.match(own.html, `<p>Score: <b>87</b> <a href="${LINK}">Read on</a></p>`)
  t.match(own.html, '<a href="https://app.example.com/companies/Acme%20Robotics">All of Acme Robotics</a>')
  const layouts = under('### layout.html and layout.txt')
  const [layout = ''] = fenced(layouts, 'html')
  const [textLayout = ''] = fenced(layouts, 'text')
  const files = { 'mine/email.md': example, 'layout.html': layout, 'layout.txt': textLayout }
  const framed = await preview(t, 'email', files)
  t.match(framed.html, '<div style="display:none">Score 87</div>\n<h1')
  for (const part of [framed.html, framed.text])
    t.match(part, 'deal-flow gets this mail because of the route completed analyses.')
})

t.test('console.txt gives what the page shows', async (t) => {
  const [example = '', gives = ''] = fenced(under('## console.txt'), 'text')
  const { text } = await preview(t, 'console', { 'mine/console.txt': example })
  holds(t, gives, `${text}\n`)
})

t.teardown(() => {
  if (update) writeFileSync(new URL(PAGE, root), updated)
})
