/**
 * `npm run docs:picture`: the pictures of the shipped messages in docs/pictures, as Chromium draws them. With a folder as its
 * argument it draws every message there instead, at two widths, light and dark, with hardly anything in it and with much, with
 * long values and hostile ones: to look at when a template changes. A second argument draws the messages of one name alone.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Channel } from '../src/channels/channel.ts'
import { email } from '../src/channels/email/email.ts'
import { slackPreview } from '../src/channels/slack/preview/preview.ts'
import { slack } from '../src/channels/slack/slack.ts'
import { type Browser, type Look, startBrowser } from '../test/browser/chromium.ts'
import { type MessageCase, messageCases, noticeCases } from '../test/support/message-cases.ts'
import { readTemplate, shippedTemplates } from '../test/support/template-files.ts'

const NOW = Date.UTC(2026, 10, 23, 14, 10)

const css = `:root { color-scheme: light dark } * { box-sizing: border-box }
body { margin: 0; padding: 24px; background: #f6f6f8; font: 15px/1.5 system-ui, sans-serif }
h2 { margin: 20px 0 6px; font: 600 12px system-ui, sans-serif; color: #888 } .card { max-width: 720px; margin-bottom: 20px } .docs h3 { display: none }
@media (prefers-color-scheme: dark) { body { background: #101216 } } @media (max-width: 480px) { body { padding: 12px } }`

/** A message of a template, by its name in test/support/message-cases.ts. */
interface Shown {
  readonly template: string
  readonly one: MessageCase
  readonly title: string
}

function shown(template: string, name: string, title = ''): Shown {
  const one = casesOf(template).find((known) => known.name === name)
  if (one === undefined) throw new Error(`no message ${name}`)
  return { template, one, title }
}

function casesOf(template: string): readonly MessageCase[] {
  return template === 'notice' ? noticeCases() : messageCases(template)
}

function renderedBy<Message>(
  channel: Pick<Channel<unknown, unknown, Message>, 'compile' | 'templateFiles' | 'sharedFiles'>,
  { template, one }: Shown,
): Message {
  const compiled = channel.compile(readTemplate(template, channel))
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  const result = compiled.renderer.render(one.view)
  if (!result.ok) throw new Error(result.reason)
  return result.message
}

function slackPage(messages: readonly Shown[], isDocs = false): string {
  const context = { settings: undefined, target: null, now: NOW, timeZone: 'UTC' }
  const cards = messages.map((message) => {
    const card = slackPreview.toHtml(renderedBy(slack, message), context)
    return `${message.title === '' ? '' : `<h2>${message.title}</h2>`}<div class="card">${card}</div>`
  })
  const head = '<meta charset="utf-8"><meta name="color-scheme" content="light dark">'
  const body = `<body${isDocs ? ' class="docs"' : ''}>${cards.join('')}</body>`
  return `<!doctype html><html><head>${head}<style>${css}${slackPreview.css}</style></head>${body}</html>`
}

const folder = mkdtempSync(join(tmpdir(), 'hookbridge-pictures-'))

async function draw(browser: Browser, html: string, look: Look, file: string): Promise<void> {
  const page = join(folder, 'page.html')
  writeFileSync(page, html)
  const opened = await browser.open(pathToFileURL(page).href, {
    ...look,
    height: await heightOf(browser, page, look),
  })
  writeFileSync(file, await opened.screenshot())
}

/** A picture of Chromium's is as tall as its window at least; the page gives its own height. */
async function heightOf(browser: Browser, page: string, look: Look): Promise<number> {
  const opened = await browser.open(pathToFileURL(page).href, { ...look, height: 1 })
  return Number(await opened.evaluate('Math.ceil(document.body.getBoundingClientRect().height)'))
}

/** The few that docs/templates.md and docs/notices.md show. */
async function drawDocs(browser: Browser): Promise<void> {
  const cards = [
    shown('analysis.created', 'conversation', 'The first card'),
    shown('analysis.completed', 'conversation', 'The same card, edited'),
    shown('analysis.completed', 'link', 'Without enrichment'),
  ]
  const mail = renderedBy(email, shown('analysis.completed', 'enriched')).html
  const notices = [shown('notice', 'destination.failing'), shown('notice', 'destination.recovered')]
  for (const width of [400, 1280]) {
    for (const scheme of ['light', 'dark'] as const) {
      const end = `${width}-${scheme}.png`
      const look = { width, scheme }
      await draw(browser, slackPage(cards, true), look, `docs/pictures/slack-${end}`)
      await draw(browser, mail, look, `docs/pictures/mail-${end}`)
      await draw(browser, slackPage(notices, true), look, `docs/pictures/notices-${end}`)
    }
  }
}

/** Every message, in every look. */
async function drawAll(browser: Browser, out: string, name: string | undefined): Promise<void> {
  for (const template of [...shippedTemplates, 'notice']) {
    const wanted = casesOf(template).filter(
      (one) => name === undefined || one.name === name || template === name,
    )
    if (wanted.length === 0) continue
    const all = wanted.map((one) => ({ template, one, title: one.name }))
    for (const width of [400, 1280]) {
      for (const scheme of ['light', 'dark'] as const) {
        const end = `${width}-${scheme}.png`
        await draw(browser, slackPage(all), { width, scheme }, join(out, `slack-${template}-${end}`))
        for (const message of all) {
          const file = `mail-${template}-${message.title.replaceAll(' ', '-')}-${end}`
          await draw(browser, renderedBy(email, message).html, { width, scheme }, join(out, file))
        }
      }
    }
  }
}

const [out, name] = process.argv.slice(2)
mkdirSync(out ?? 'docs/pictures', { recursive: true })
const browser = await startBrowser()
try {
  await (out === undefined ? drawDocs(browser) : drawAll(browser, out, name))
} finally {
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}
