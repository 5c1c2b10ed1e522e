import t from 'tap'
import { consoleChannel } from '../../src/channels/console/console.ts'
import { noProxies } from '../../src/network/proxies.ts'
import { alone } from '../support/addressed.ts'
import { channelEnvironment } from '../support/channel-environment.ts'
import { readTemplate, templateFile } from '../support/template-files.ts'
import { exampleView } from './contract.ts'

function render(text: string | null, data = {}) {
  const files = new Map(text === null ? [] : [['console.txt', templateFile('console.txt', text)]])
  const compiled = consoleChannel.compile({ files })
  if (!compiled.ok) return compiled
  return compiled.renderer.render(exampleView('analysis.created', { data }))
}

t.test('the shipped template prints one line', (t) => {
  const compiled = consoleChannel.compile(readTemplate('default', consoleChannel))
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  t.match(compiled.renderer.render(exampleView('analysis.created')), {
    ok: true,
    notes: [],
    message: { text: /analysis\.created/ },
  })
  t.match(render(null), { ok: false, problems: [{ path: 'console.txt', message: 'is missing' }] })
  t.end()
})

t.test('a value cannot drive the terminal', (t) => {
  t.match(render('{{ data.x }}', { x: 'a\u001b[2J\r\nb\u2028c' }), { message: { text: 'a [2J b c' } })
  t.end()
})

t.test('mistakes', (t) => {
  t.match(render('\n{{ data.x | nofilter }}'), { ok: false, problems: [{ path: 'console.txt', line: 2 }] })
  t.match(render('{{ data.x }}'), { ok: true, notes: ['unknown variable data.x (console.txt)'] })
  t.match(render('{% for i in (1..9999999) %}{{ i }}{% endfor %}'), { ok: false, reason: /\w/ })
  t.notOk(consoleChannel.settings.safeParse({ x: 1 }).success)
  t.notOk(consoleChannel.receiver.safeParse({ x: 1 }).success)
  t.equal(consoleChannel.missingSettings, undefined)
  t.end()
})

t.test('there is nothing to check', async (t) => {
  const doctor = await consoleChannel.doctor?.()
  t.strictSame(await doctor?.check({}, new Map([['r', {}]]), 1, noProxies), [])
})

t.test('sending prints', async (t) => {
  const printed: string[] = []
  const channel = consoleChannel.open(
    {},
    new Map(),
    channelEnvironment(1, { print: (text) => printed.push(text) }),
  )
  const [target] = consoleChannel.targets({}, 'r')
  const delivery = { id: 'evt_1-1', receiver: 'r', target: target?.target ?? '', ...alone }
  t.match(await channel.send({ text: 'hello' }, delivery), {
    kind: 'sent',
    reference: { delivery: 'evt_1-1' },
  })
  t.strictSame(printed, ['hello'])
  await channel.close()
})
