/** What `hookbridge doctor` says of the collector, asked of the real command. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Finding } from '../../src/core/finding.ts'
import { startCollector } from '../support/collector.ts'
import { holdPort } from '../support/ports.ts'
import { environment, temporaryFolder, writeConfig } from '../support/service.ts'
import { startSinks } from '../support/sinks.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

async function check(t: Test, env: Record<string, string>): Promise<readonly Finding[]> {
  const { slack, mail } = await startSinks(t)
  const config = writeConfig({ folder: temporaryFolder(t), slackUrl: slack.url, smtpUrl: mail.url })
  const args = [main, 'doctor', '--config', config, '--json', '--timeout', '60s']
  const printed = await new Promise<string>((resolve) => {
    const options = { env: { ...process.env, NODE_OPTIONS: '', ...environment, ...env } }
    execFile(process.execPath, args, options, (_error, out, err) => resolve(out || err))
  })
  const { findings }: { findings: (Finding & { group: string })[] } = JSON.parse(printed)
  return findings.filter(({ group }) => group === 'traces')
}

t.test('without the variables there is nothing to say', async (t) => {
  t.strictSame(await check(t, {}), [])
})

t.test('a collector that accepts traces, and is sent none', async (t) => {
  const collector = await startCollector(t)
  t.match(await check(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }), [
    { level: 'fine', summary: 'the collector accepts traces, 100 % of the traces are kept' },
  ])
  t.equal(collector.requests.length, 1)
  t.strictSame(collector.spans, [])
})

t.test('a collector that refuses, one that is not there, and a wrong value', async (t) => {
  const collector = await startCollector(t)
  collector.behave = 401
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: 'always' }
  t.match(await check(t, env), [
    { level: 'warning', summary: /^OTEL_TRACES_SAMPLER: "always"/ },
    { level: 'warning', summary: 'traces cannot be exported: 401 Unauthorized', hint: /4318/ },
  ])
  const nobody = `http://127.0.0.1:${holdPort(t).port}`
  t.match(await check(t, { OTEL_EXPORTER_OTLP_ENDPOINT: nobody }), [
    { level: 'warning', summary: /^traces cannot be exported: .*ECONNREFUSED/ },
  ])
})
