/**
 * `npm run docs:picture`: makes docs/preview.png, the picture in the README. It is the page of `hookbridge preview --html`
 * in Chromium, with the Slack message and the mail side by side and the rest of the page left out.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type OpenPage, startBrowser } from '../test/browser/chromium.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const LOOK = { width: 1_240, height: 720, scheme: 'light' } as const

const MOST_PICTURES = 60
// On a busy machine the frame may stay empty for some pictures.
const SAME_PICTURES = 10

const LAYOUT = `
  body { max-width: none; padding: 32px 36px; display: grid; grid-template-columns: 1fr 1fr; gap: 36px }
  header, .mail h3, .mail dl, .mail pre { display: none }
  article { margin: 0; padding: 0; border: 0; min-width: 0 }
  .mail-row { margin-bottom: 12px }
  .mail iframe { resize: none; height: 560px !important }`

const folder = mkdtempSync(join(tmpdir(), 'hookbridge-picture-'))
const browser = await startBrowser()
try {
  const file = join(folder, 'preview.html')
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
  // What the demo's API says.
  const fetched = [
    'analysis.company=Acme Robotics',
    'analysis.city=Berlin',
    'analysis.stage=Seed',
    'analysis.score:=87',
    `analysis.created_at=${minutesAgo(14)}`,
    `analysis.completed_at=${minutesAgo(2)}`,
  ]
  const event = [
    ...['--type', 'analysis.completed', '--data', 'id=0191e29a-1644-7972-9466-18ada4a3636e'],
    ...fetched.flatMap((field) => ['--enriched', field]),
  ]
  const config = join(root, 'config.demo.yaml')
  const main = join(root, 'src/main.ts')
  execFileSync(process.execPath, [main, 'preview', '--config', config, ...event, '--html', file], {
    env: {
      ...process.env,
      CUURO_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret for nobody but this page').toString('base64')}`,
      SLACK_BOT_TOKEN: 'xoxb-none',
      SMTP_URL: 'smtp://127.0.0.1',
      ANALYSIS_API_URL: 'https://api.example.com',
      ANALYSIS_API_KEY: 'none',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  writeFileSync(file, readFileSync(file, 'utf8').replace('</style>', `${LAYOUT}</style>`))
  const page = await browser.open(pathToFileURL(file).href, LOOK)
  writeFileSync(join(root, 'docs/preview.png'), await painted(page))
} finally {
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Chromium paints the frame of the mail some time after it has loaded: a picture is whole when the next ones are the same. */
async function painted(page: OpenPage): Promise<Buffer> {
  let before = await page.screenshot()
  let same = 0
  for (let left = MOST_PICTURES; left > 0; left -= 1) {
    const picture = await page.screenshot()
    same = picture.equals(before) ? same + 1 : 0
    if (same === SAME_PICTURES) return picture
    before = picture
  }
  throw new Error('the page does not come to rest')
}
