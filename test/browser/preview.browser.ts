/** Preview pages in a real browser. `npm run test:browser` runs this: it needs Chromium, and `npm test` does not. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inflateSync } from 'node:zlib'
import t from 'tap'
import { email } from '../../src/channels/email/email.ts'
import type { RenderView } from '../../src/core/template/template.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { messageCases } from '../support/message-cases.ts'
import { secret, temporaryFolder, writeConfig } from '../support/service.ts'
import { readTemplate, shippedTemplates } from '../support/template-files.ts'
import { until } from '../support/until.ts'
import { type OpenPage, startBrowser } from './chromium.ts'

const browser = await startBrowser()
t.teardown(() => browser.close())

/** Of the bytes of a picture, those that differ from the pixel beside them. */
const LEAST_DRAWN = 0.02

const golden = (name: string) => new URL(`../golden/${name}.preview.html`, import.meta.url).href

/** The elements that stick out of the page, as their tags and classes; what a sandboxed frame holds is its own. */
const OVERFLOWING = `(() => {
  const width = document.documentElement.clientWidth
  return [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > width + 0.5 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
    .map((one) => one.tagName + '.' + one.className)
})()`

t.test('the pages of the shipped templates fit their screen, in both colour schemes', async (t) => {
  for (const name of shippedTemplates) {
    for (const width of [360, 900]) {
      const pages = await Promise.all(
        (['light', 'dark'] as const).map((scheme) => browser.open(golden(name), { width, scheme })),
      )
      for (const [at, page] of pages.entries()) {
        const scheme = at === 0 ? 'light' : 'dark'
        const shown = `${name}, ${width} px, ${scheme}`
        t.equal(await page.evaluate('document.documentElement.scrollWidth'), width, `${shown}: fits`)
        t.strictSame(await page.evaluate(OVERFLOWING), [], `${shown}: nothing sticks out`)
        const brightness = await brightnessOnceDrawn(page, shown)
        t.ok(scheme === 'light' ? brightness > 230 : brightness < 40, `${shown}: the page is ${scheme}`)
        await page.close()
      }
    }
  }
})

/** Of each text: how it stands out from the background of the nearest element that has one, as WCAG 2 counts it. */
const CONTRASTS = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const light = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      if ((channels(backgroundColor)[3] ?? 1) > 0) return backgroundColor
    }
    return 'rgb(255, 255, 255)'
  }
  return [...document.querySelectorAll('body *')]
    .filter((one) => one.offsetHeight > 0 && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((one) => {
      const [text, page] = [getComputedStyle(one).color, behind(one)].map(light)
      return { text: one.textContent.trim().slice(0, 30), contrast: (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05) }
    })
})()`
const LEAST_CONTRAST = 4.5

t.test('mails are one column that fits any screen, and can be read in both colour schemes', async (t) => {
  const folder = temporaryFolder(t)
  for (const name of shippedTemplates) {
    for (const { name: shown, view } of messageCases(name)) {
      const file = join(folder, 'mail.html')
      writeFileSync(file, mailOf(name, view))
      for (const [width, scheme] of [
        [320, 'dark'],
        [400, 'light'],
        [1280, 'light'],
      ] as const) {
        const page = await browser.open(pathToFileURL(file).href, { width, scheme })
        t.equal(
          await page.evaluate('document.documentElement.scrollWidth'),
          width,
          `${name}, ${shown}, ${width} px`,
        )
        const column = await page.evaluate('document.querySelector(".card").getBoundingClientRect().width')
        t.ok(Number(column) <= 560, `${name}, ${shown}, ${width} px: one column`)
        const contrasts = await page.evaluate(CONTRASTS)
        if (!Array.isArray(contrasts)) throw new Error('no list')
        t.ok(contrasts.length > 4, 'texts were measured')
        t.strictSame(
          contrasts.filter(({ contrast }) => contrast < LEAST_CONTRAST),
          [],
          `${name}, ${shown}, ${scheme}: contrast`,
        )
        await page.close()
      }
    }
  }
})

function mailOf(template: string, view: RenderView): string {
  const compiled = email.compile(readTemplate(template, email))
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  const result = compiled.renderer.render(view)
  if (!result.ok) throw new Error(result.reason)
  return result.message.html
}

/** The brightness of the page; rejects if nothing appears on it. On a busy machine it is drawn well after its load event. */
async function brightnessOnceDrawn(page: OpenPage, shown: string): Promise<number> {
  let latest = { brightness: 0, drawn: 0 }
  await until(async () => {
    latest = measure(await page.screenshot())
    return latest.drawn > LEAST_DRAWN
  }, `${shown} to be drawn`)
  return latest.brightness
}

/** The brightness of the first pixel, and how much of the picture differs from the pixel beside it. */
function measure(png: Buffer): { brightness: number; drawn: number } {
  const data: Buffer[] = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  // Rows of differences, each behind its filter; the first pixel of the first row is what it is.
  const rows = inflateSync(Buffer.concat(data))
  const changed = rows.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0)
  return { brightness: rows[1] ?? 0, drawn: changed / rows.length }
}

t.test('no script runs and nothing is fetched, whatever the event and the template hold', async (t) => {
  const control = await startSpy(t)
  const folder = temporaryFolder(t)
  const bare = join(folder, 'bare.html')
  writeFileSync(bare, attacks(control.origin))
  await browser.open(pathToFileURL(bare).href, { width: 900, scheme: 'light' })
  await until(
    () => ['/inline', '/script', '/image', '/handler'].every((path) => control.calls.includes(path)),
    'the attacks to work on a page that does nothing against them',
  )

  const { origin, calls } = await startSpy(t)
  // The mail's own page is the operator's HTML as it stands; the values are the event's.
  mkdirSync(join(folder, 'templates/hostile'), { recursive: true })
  writeFileSync(
    join(folder, 'templates/hostile/email.md'),
    '---\nsubject: "{{ data.id }}"\n---\n{{ data.id }}\n',
  )
  writeFileSync(
    join(folder, 'templates/hostile/email.html'),
    `<head></head>{{ data.id | raw }}${attacks(origin)}`,
  )
  writeFileSync(
    join(folder, 'templates/hostile/slack.yaml'),
    'text: "{{ data.id | raw }}"\nblocks:\n  - type: section\n    text: { type: mrkdwn, text: "{{ data.id | raw }}" }\n' +
      `  - { type: image, image_url: "${origin}/picture", alt_text: "{{ data.id }}" }\n`,
  )
  const extra = 'templates: templates\n'
  const config = writeConfig({ folder, slackUrl: `${origin}/`, smtpUrl: 'smtp://127.0.0.1:1', extra })
  const file = join(folder, 'page.html')
  const event = `"'></pre></iframe></title></style>${attacks(origin)}`
  writeFileSync(join(folder, 'body.json'), JSON.stringify({ event: 'hostile', data: { id: event } }))
  const { code, err } = await hookbridge(
    ['--config', config, 'preview', join(folder, 'body.json'), '--template', 'hostile', '--html', file],
    { cwd: folder, env: { WEBHOOK_SECRET: secret } },
  )
  t.equal(code, 0, err)
  const page = await browser.open(pathToFileURL(file).href, { width: 360, scheme: 'light' })
  t.equal(await page.evaluate('document.scripts.length'), 0, 'no script is in the page')
  t.equal(await page.evaluate('document.title'), 'Preview: hostile')
  t.equal(await page.evaluate('document.documentElement.scrollWidth'), 360, 'it fits all the same')
  t.ok((await page.screenshot()).length > 0)
  // What the page would have begun to fetch comes before what is fetched now.
  await fetch(`${origin}/last`)
  t.strictSame(calls, ['/last'])
})

interface Spy {
  readonly origin: string
  /** The paths that were asked for. */
  readonly calls: readonly string[]
}

async function startSpy(t: { teardown(action: () => unknown): unknown }): Promise<Spy> {
  const calls: string[] = []
  const server = createServer((request, response) => {
    calls.push(request.url ?? '')
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP address')
  return { origin: `http://127.0.0.1:${address.port}`, calls }
}

/** HTML that asks the spy for something by every way there is without a click. */
function attacks(origin: string): string {
  return [
    `<script>fetch("${origin}/inline")</script><script src="${origin}/script"></script>`,
    `<img src="${origin}/image" onerror='fetch("${origin}/handler")'>`,
    `<iframe src="${origin}/frame"></iframe><link rel="stylesheet" href="${origin}/style">`,
    `<meta http-equiv="refresh" content="0;url=${origin}/refresh"><style>@import "${origin}/import"</style>`,
    `<form action="${origin}/form"><input autofocus onfocus="this.form.submit()"></form>`,
  ].join('')
}
