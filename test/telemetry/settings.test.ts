import t from 'tap'
import { type Env, readTraceSettings } from '../../src/telemetry/settings.ts'

const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }

t.test('when traces are on', async (t) => {
  const exporters: readonly [Env, readonly string[] | undefined][] = [
    [{}, undefined],
    [on, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example.com/v1/traces' }, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, undefined],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, ['otlp']],
    [{ OTEL_TRACES_EXPORTER: 'Console, otlp,console' }, ['console', 'otlp']],
    [{ ...on, OTEL_TRACES_EXPORTER: 'console' }, ['console']],
    [{ ...on, OTEL_TRACES_EXPORTER: 'none' }, undefined],
    [{ ...on, OTEL_SDK_DISABLED: 'TRUE' }, undefined],
    [{ ...on, OTEL_SDK_DISABLED: 'false' }, ['otlp']],
  ]
  for (const [env, expected] of exporters) {
    const { settings, warnings } = readTraceSettings(env)
    t.strictSame([settings?.exporters, warnings], [expected, []], JSON.stringify(env))
  }
})

t.test('samplers and batches', async (t) => {
  const ratio = (env: Env) => readTraceSettings({ ...on, ...env }).settings?.ratio
  t.equal(ratio({}), 1)
  t.equal(ratio({ OTEL_TRACES_SAMPLER: 'always_off' }), 0)
  t.equal(ratio({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }), 0)
  t.equal(ratio({ OTEL_TRACES_SAMPLER: 'TraceIdRatio', OTEL_TRACES_SAMPLER_ARG: '0.25' }), 0.25)
  t.equal(ratio({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }), 0)
  t.equal(ratio({ OTEL_TRACES_SAMPLER: 'always_on', OTEL_TRACES_SAMPLER_ARG: '0.25' }), 1)
  const { settings } = readTraceSettings({
    ...on,
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_BSP_EXPORT_TIMEOUT: '200',
    OTEL_BSP_MAX_QUEUE_SIZE: '300',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
  })
  t.strictSame(settings?.batch, {
    scheduledDelayMillis: 100,
    exportTimeoutMillis: 200,
    maxQueueSize: 300,
    maxExportBatchSize: 50,
  })
})

t.test('a mistake is reported with its variable and how to fix it, and never with a secret', async (t) => {
  const wrong: readonly [Env, RegExp, string | undefined][] = [
    [
      { OTEL_TRACES_EXPORTER: 'zipkin' },
      /^OTEL_TRACES_EXPORTER: "zipkin" .* use otlp, console or none/,
      undefined,
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'me:s3cret@host:4318' },
      /^OTEL_EXPORTER_OTLP_ENDPOINT is not an http.* write http:\/\/host:4318/,
      undefined,
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /^OTEL_EXPORTER_OTLP_PROTOCOL: only http\/protobuf/, 'otlp'],
    [{ OTEL_TRACES_SAMPLER: 'jaeger_remote' }, /^OTEL_TRACES_SAMPLER: "jaeger_remote".* use one of/, 'otlp'],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '10%' },
      /^OTEL_TRACES_SAMPLER_ARG: "10%" is not a number from 0 to 1/,
      'otlp',
    ],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: '-1' }, /^OTEL_BSP_MAX_QUEUE_SIZE: "-1" is not a whole number/, 'otlp'],
    [{ OTEL_BSP_EXPORT_TIMEOUT: '2147483648' }, /^OTEL_BSP_EXPORT_TIMEOUT: .* from 1 to 2147483647,/, 'otlp'],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=b,s3cret' }, /^OTEL_EXPORTER_OTLP_HEADERS: a header without/, 'otlp'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'team' }, /^OTEL_RESOURCE_ATTRIBUTES cannot be read/, 'otlp'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'a=%zz' }, /^OTEL_RESOURCE_ATTRIBUTES cannot be read/, 'otlp'],
  ]
  for (const [env, warning, exporter] of wrong) {
    const { settings, warnings } = readTraceSettings({ ...on, ...env })
    t.equal(warnings.length, 1, JSON.stringify(warnings))
    t.match(warnings[0], warning)
    t.notMatch(warnings[0], 's3cret')
    t.equal(settings?.exporters[0], exporter)
  }
  t.strictSame(readTraceSettings({ ...on, OTEL_RESOURCE_ATTRIBUTES: 'a=b%2Cc, d=e' }).warnings, [])
})

t.test('the values of headers are known, to keep them out of the log', async (t) => {
  const { settings } = readTraceSettings({
    ...on,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x=y, b=c',
  })
  t.strictSame(
    settings?.secrets.map((secret) => secret.reveal()),
    ['Bearer%20x=y', 'Bearer x=y', 'c', 'c'],
  )
})

t.test('the proxy of the collector', async (t) => {
  const proxy = 'http://jane:geheim@proxy.example:3128'
  const through = (env: Record<string, string>) => readTraceSettings(env).settings?.proxy?.url.reveal()
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector.example:4318'
  t.equal(through({ OTEL_EXPORTER_OTLP_ENDPOINT, HTTP_PROXY: proxy }), proxy)
  t.equal(through({ OTEL_EXPORTER_OTLP_ENDPOINT, HTTPS_PROXY: proxy }), undefined)
  t.equal(through({ OTEL_EXPORTER_OTLP_ENDPOINT, HTTP_PROXY: proxy, NO_PROXY: '.example' }), undefined)
  t.equal(through({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', HTTP_PROXY: proxy }), undefined)
  const { settings } = readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT, HTTP_PROXY: proxy })
  t.ok(
    settings?.secrets.some((secret) => secret.reveal() === 'geheim'),
    'its password is redacted',
  )
})
