import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fenced, readPage, section } from '../docs/pages.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

t.test('the demo shows the three messages on each side, and the history', async (t) => {
  const ran = spawnSync(process.execPath, [main, 'demo'], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  t.equal(ran.status, 0, ran.stderr)
  t.equal(ran.stderr, '')
  for (const type of ['startup.created', 'analysis.created', 'analysis.completed']) {
    t.match(ran.stdout, new RegExp(`${type.replace('.', '\\.')} +-> +202 \\{"id":"evt_`))
  }
  t.ok(ran.stdout.split('┌─ Slack ').length > 3, 'three Slack messages')
  t.match(ran.stdout, /┌─ mail to \S+@\S+\n│ Subject: \S/)
  t.match(ran.stdout, /\d delivered/)
  for (const line of ran.stdout.split('\n')) t.ok(line.length <= 160, line)

  const [shown = ''] = fenced(section(readPage('docs/templates.md'), 'demo'), '')
  t.equal(timeless(shown), timeless(frames(ran.stdout)), 'docs/templates.md shows what the demo prints')
})

/** The last card and the mail, as docs/templates.md shows them; between them is the reply to the card. */
function frames(output: string): string {
  const all = [...output.matchAll(/^┌─[\s\S]*?^└─\n/gm)].map(([frame]) => frame)
  return [all.at(-3), all.at(-1)].join('\n')
}

function timeless(text: string): string {
  return text
    .replace(/evt_\w{26}/g, 'evt')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d+ \w{3} \d{4}, \d\d:\d\d UTC/g, 'time')
    .replace(/ +$/gm, '')
}
