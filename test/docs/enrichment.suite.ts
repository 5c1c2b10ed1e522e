/** The recipe of docs/enrichment.md works as it is written, from the key to the first enriched message. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { type JsonApi, startJsonApi } from '../support/json-api.ts'
import {
  environment,
  history,
  newEvent,
  post,
  startService,
  temporaryFolder,
  writeConfig,
} from '../support/service.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'
import { fenced, readPage, section } from './pages.ts'

const page = readPage('docs/enrichment.md')
const KEY = 'key-of-the-recipe'
const API = 'https://api.example.com'

/** The text of a fenced block within a list, without its indentation. */
function block(name: string): string {
  const [text = ''] = fenced(section(page, name).replaceAll(/^ {3}/gm, ''), '\\w+')
  return text
}

const answer: JsonApi['answer'] = ({ path, headers }) =>
  headers.authorization !== `Bearer ${KEY}`
    ? { status: 401, body: { error: 'unauthorized' } }
    : path.startsWith('/v1/analyses/')
      ? { body: { id: 'an_1', result: { score: 91 }, target_company: { name: 'Acme Robotics' } } }
      : { status: 404, body: {} }

t.test('from the key to the first enriched Slack message', async (t) => {
  const api = await startJsonApi(t, answer)
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const env = { ...environment, CUURO_API_KEY: KEY }
  const written = block('step')
  const config = writeConfig({
    folder,
    slackUrl: sinks.slack.url,
    smtpUrl: sinks.mail.url,
    extra: written.replace(API, api.url),
  })
  const run = (command: string, given: typeof env = env) => {
    const [program, ...args] = command.replace('id=ID', 'id=an_1').split(' ')
    t.equal(program, 'hookbridge')
    return hookbridge([...args, '--config', config], { env: given })
  }

  const asked = await run(block('ask').trim())
  t.equal(asked.code, 0, asked.err)
  const [head = '', ...values] = block('answer').trimEnd().split('\n')
  t.match(
    asked.out,
    new RegExp(`^${head.replace('api.example.com', '127\\.0\\.0\\.1:\\d+').replace('84', '\\d+')}\n`),
  )
  t.match(asked.out, values.join('\n'))
  const withoutKey = await run(block('ask').trim(), { ...env, CUURO_API_KEY: 'another' })
  t.match(withoutKey.out, /HTTP 401[\s\S]*check the key in headers/)

  writeFileSync(config, `${readFileSync(config, 'utf8').trimEnd()}\n${block('picked')}`)
  const [look = '', check = ''] = block('look').trim().split('\n')
  const looked = await run(look)
  t.match(looked.out, /Sample values stand for what enrich fetches: analysis\.score, analysis\.company\./)
  t.match(await run(check), { code: 0 })

  const service = await startService(config, env)
  t.teardown(() => service.end('SIGKILL'))
  const event = newEvent()
  t.equal((await post(service.url, event)).status, 202)
  await until(() => sinks.slack.messages.length === 1 && sinks.mail.messages.length === 1, 'both messages')
  const message = JSON.stringify(sinks.slack.messages[0])
  t.match(message, 'Acme Robotics')
  t.match(message, /Score[^,]*91/)
  t.match(String(sinks.mail.messages[0]?.raw), /Subject: Acme Robotics/)
  t.match(api.requests.at(-1)?.path, `/v1/analyses/${event.objectId}`)
  const [record] = (await history(folder)).events
  t.match(record, { enriched: { analysis: { score: 91, company: 'Acme Robotics' } } })
  const shown = await run(`hookbridge events show ${record?.id}`)
  t.match(shown.out, /analysis \{"score":91,"company":"Acme Robotics"\}/)
  const doctor = (await run('hookbridge doctor')).out.replaceAll(/\s+/g, ' ')
  t.match(doctor, /enrich analysis \(.*\): score, company in \d+ ms/)
  for (const place of [asked.out, looked.out, shown.out, service.output(), message]) t.notMatch(place, KEY)
})

t.test('the example at its top is a valid configuration', async (t) => {
  const folder = temporaryFolder(t)
  const config = writeConfig({
    folder,
    slackUrl: 'https://slack.example.com/api/',
    smtpUrl: 'smtp://mail.example.com:587',
  })
  const base = readFileSync(config, 'utf8').replace(/^routes:[\s\S]*$/m, '')
  const [example = ''] = fenced(page, 'yaml')
  writeFileSync(config, `${base.replace('deal-flow:', 'partners:')}${example}`)
  const loaded = loadConfig(config, { ...environment, CUURO_API_KEY: KEY })
  t.strictSame(loaded.ok ? [] : loaded.problems, [])
})
