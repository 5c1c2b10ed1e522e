import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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
  for (const line of ran.stdout.split('\n')) t.ok(line.length <= 80, line)
  t.equal(ran.stdout.match(/^POST \/webhooks\/cuuro -> 202 evt_\w{26}$/gm)?.length, 2)
  t.match(ran.stdout, /^ {2}\{ "event": "analysis\.created",\n {2}"data": \{ "id": "[-0-9a-f]{36}" \} \}$/m)
  t.equal(
    ran.stdout.match(/^GET \/analyses\/[-0-9a-f]{36} from the API -> 200$/gm)?.length,
    2,
    'asked once each',
  )
  t.match(ran.stdout, /API with made-up\s+data/)
  t.match(
    ran.stdout,
    /Acme Robotics · analysis in progress…[\s\S]*Acme Robotics · analysis complete\s✓ \(took\s12\smin\)/,
  )
  t.match(ran.stdout, /analysis\.completed +0191e29a-1644 +2 delivered/)

  const [, steps = ''] = /by this part of config\.demo\.yaml:\n\n([\s\S]*?)\n\n/.exec(ran.stdout) ?? []
  const config = readFileSync(new URL('../../config.demo.yaml', import.meta.url), 'utf8')
  t.ok(steps.includes('/company/name') && config.includes(steps.replace(/^ {2}/gm, '')), 'a part to copy')

  const [shown = ''] = fenced(section(readPage('docs/templates.md'), 'demo'), '')
  t.equal(timeless(shown), timeless(frames(ran.stdout)), 'docs/templates.md shows what the demo prints')
})

function frames(output: string): string {
  return [...output.matchAll(/^┌─[\s\S]*?^└─\n/gm)].join('\n')
}

function timeless(text: string): string {
  return text
    .replaceAll('\u00a0', ' ')
    .replace(/evt_\w{26}/g, 'evt')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d+ \w{3} \d{4}, \d\d:\d\d UTC/g, 'time')
    .replace(/ +$/gm, '')
}
