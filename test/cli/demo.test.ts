import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fenced, readPage, section } from '../docs/pages.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

t.test('the demo shows the messages of one analysis, and the history', async (t) => {
  const ran = spawnSync(process.execPath, [main, 'demo'], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  t.equal(ran.status, 0, ran.stderr)
  t.equal(ran.stderr, '')
  for (const type of ['analysis.created', 'analysis.completed']) {
    t.match(ran.stdout, new RegExp(`^POST /webhooks/cuuro ${type} -> 202 evt_\\w{26}$`, 'm'))
  }
  const [messages = ''] = ran.stdout.split('The history:')
  for (const line of messages.split('\n')) t.ok(line.length <= 80, line)
  t.match(ran.stdout, /\d delivered/)
  for (const line of ran.stdout.split('\n')) t.ok(line.length <= 160, line)

  const [shown = ''] = fenced(section(readPage('docs/templates.md'), 'demo'), '')
  t.equal(timeless(shown), timeless(frames(ran.stdout)), 'docs/templates.md shows what the demo prints')
})

function frames(output: string): string {
  return [...output.matchAll(/^┌─[\s\S]*?^└─\n/gm)].join('\n')
}

function timeless(text: string): string {
  return text
    .replace(/evt_\w{26}/g, 'evt')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d+ \w{3} \d{4}, \d\d:\d\d UTC/g, 'time')
    .replace(/ +$/gm, '')
}
