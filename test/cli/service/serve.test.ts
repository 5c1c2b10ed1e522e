/** The service as a person starts it, on a terminal. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { onTerminal } from '../../support/pty.ts'
import { environment, newEvent, post, temporaryFolder } from '../../support/service.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

function folderWith(t: Test): string {
  const cwd = temporaryFolder(t)
  writeFileSync(
    join(cwd, 'config.yaml'),
    `
server: { port: 0 }
store: { url: "sqlite:store.db" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "http://127.0.0.1:1" } }
receivers: { deals: { slack: { channel: "#deals" } } }
routes: [{ receivers: [deals] }]
`,
  )
  return cwd
}

t.test('on a terminal, serve prints a line for each event and each attempt', async (t) => {
  const cwd = folderWith(t)
  for (const [env, coloured] of [
    [environment, true],
    [{ ...environment, NO_COLOR: '1' }, false],
  ] as const) {
    const pty = onTerminal(t, [process.execPath, main, 'serve'], { cwd, env })
    await pty.shows(/listening {2}url=.*\n/)
    const [, url = ''] = /url=(\S+)/.exec(pty.screen()) ?? []
    const { id } = (await (await post(url, newEvent())).json()) as { id: string }
    // Of the second run, what the first one left is attempted before it.
    await pty.shows(new RegExp(`${id}.*\n`))
    await pty.shows(/slack #deals.*\n/)
    const lines = pty.screen().split('\n')
    t.match(
      lines.find((line) => line.includes(id)),
      new RegExp(`^\\d\\d:\\d\\d:\\d\\dZ event  analysis.completed  1 message  ${id}  \\S+$`),
    )
    t.match(
      lines.find((line) => line.includes('slack #deals')),
      /^\d\d:\d\d:\d\dZ WARN retrying {2}slack #deals {2}attempt \d+, \d+ ms, next at \S+Z {2}dlv_\w+ {2}.*ECONNREFUSED/,
    )
    t.equal(/\u001b\[3\dm/.test(pty.raw()), coloured)
    pty.type('\u0003')
    await pty.shows(/stopped/)
    t.equal(await pty.ended, 0)
  }
})

t.test('the log has the format that is asked for', async (t) => {
  const cwd = folderWith(t)
  const pty = onTerminal(t, [process.execPath, main, 'serve', '--log-format', 'json'], {
    cwd,
    env: environment,
  })
  await pty.shows(/^\{"level":30,.*"msg":"listening"\}$/m)
  pty.type('\u0003')
  await pty.ended
  const env = { ...process.env, ...environment, NODE_OPTIONS: '' }
  for (const [args, format, said] of [
    [['--log-format', 'xml'], '', 'a log format is text or json, not "xml"'],
    [[], 'pretty', 'a log format is text or json, not "pretty"'],
  ] as const) {
    const ran = spawnSync(process.execPath, [main, 'serve', ...args], {
      cwd,
      env: { ...env, LOG_FORMAT: format },
      encoding: 'utf8',
    })
    t.match({ code: ran.status, err: ran.stderr }, { code: 2, err: said })
  }
})
