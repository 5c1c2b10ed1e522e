/** The demo that goes on, and the commands that it shows. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

t.test('with --keep, the commands that it prints work as they are', async (t) => {
  const folder = temporaryFolder(t)
  const demo = spawn(process.execPath, [main, 'demo', '--keep'], { cwd: folder })
  t.teardown(() => demo.kill('SIGKILL'))
  let printed = ''
  demo.stdout.on('data', (chunk: Buffer) => {
    printed += chunk
  })
  const exited = new Promise((resolve) => demo.once('exit', resolve))
  await until(() => / send --type .* --wait\n/.test(printed), 'the commands', 60_000)
  const [, commands = ''] = printed.split('In another terminal, in this folder:\n')
  printed = ''
  const ran = spawnSync('sh', ['-e'], { cwd: folder, input: commands, encoding: 'utf8' })
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stdout, /analysis\.created[\s\S]*delivered[\s\S]*202[\s\S]*\narrived: 2 messages\n$/)
  await until(() => /Slack #[\s\S]*mail to/.test(printed), 'the messages of the event that was sent', 60_000)
  t.match(printed, /^\d\d:\d\d:\d\dZ event {2}analysis\.completed {2}2 messages {2}evt_/m, 'the event itself')
  t.match(printed, /^\d\d:\d\d:\d\dZ delivered {2}slack #deal-flow /m, 'and each delivery')
  demo.kill('SIGINT')
  t.equal(await exited, 0)
})
