/** The demo that goes on, on a terminal of 80 columns, and the commands that it shows. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { onTerminal } from '../support/pty.ts'
import { temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

t.test('with --keep, the commands that it prints work as they are', async (t) => {
  const folder = temporaryFolder(t)
  const demo = onTerminal(t, [process.execPath, main, 'demo', '--keep'], { cwd: folder })
  const sent = / send --type .* --wait\n/
  await until(() => sent.test(demo.screen()), 'the commands', 60_000)
  const [output = '', commands = ''] = demo.screen().split('In another terminal,\nin this folder:\n')
  for (const line of output.split('\n')) t.ok(line.length <= 80, line)
  const ran = spawnSync('sh', ['-e'], { cwd: folder, input: commands, encoding: 'utf8' })
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stdout, /config\.demo\.yaml: fine/)
  t.match(ran.stdout, /✓ enrich analysis[\s\S]*✓ #deal-flow[\s\S]*nothing is wrong/, 'doctor')
  t.match(ran.stdout, /analysis\.created[\s\S]*delivered[\s\S]*202[\s\S]*\narrived: 2 messages\n$/)
  const later = () => demo.screen().slice(output.length + commands.length)
  // What it logs may come after the messages, and after the end of `send`.
  const shown: readonly (readonly [what: string, pattern: RegExp])[] = [
    ['the messages', /Slack #[\s\S]*mail to/],
    ['enriched as well', /Acme Robotics · analysis complete/],
    ['the event itself', /^\d\d:\d\d:\d\dZ event stored, to be enriched {2}analysis\.completed {2}evt_/m],
    ['its plan', /Z event enriched {2}analysis\.completed {2}2 messages {2}analysis fetched {2}evt_/],
    ['each delivery: to Slack', /^\d\d:\d\d:\d\dZ delivered {2}slack #deal-flow /m],
    ['and by mail', /^\d\d:\d\d:\d\dZ delivered {2}email /m],
  ]
  await until(() => shown.every(([, pattern]) => pattern.test(later())), 'all of the event').catch(() => {})
  for (const [what, pattern] of shown) t.match(later(), pattern, what)
  demo.type('\u0003')
  t.equal(await demo.ended, 0)
})
