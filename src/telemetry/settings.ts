/**
 * Reads the OTEL_* variables for traces. The SDK itself reads those of the exporter (OTEL_EXPORTER_OTLP_*) and of the
 * resource; the rest is read here. Mistakes in them are warnings, and never stop the service.
 */
import { Secret } from '../core/secret.ts'
import { decodePercent } from '../network/percent.ts'
import { readProxies } from '../network/proxies.ts'

export interface TraceSettings {
  readonly exporters: readonly Exporter[]
  /** The share of traces that is recorded, from 0 to 1. */
  readonly ratio: number
  readonly batch: BatchSettings
  /** Values of the headers that authenticate to the collector. */
  readonly secrets: readonly Secret[]
  /** The proxy for the collector, if there is one. */
  readonly proxy?: TraceProxy
}

export interface TraceProxy {
  /** `proxy.example.com:3128`: for messages, without credentials. */
  readonly name: string
  readonly url: Secret
  /** In PEM. The exporter reads them itself only if it creates its own agent, which does not use a proxy. */
  readonly files: Readonly<Partial<Record<'ca' | 'cert' | 'key', string>>>
}

export type Exporter = 'otlp' | 'console'

/** Times are milliseconds. */
export interface BatchSettings {
  readonly scheduledDelayMillis?: number
  readonly exportTimeoutMillis?: number
  readonly maxQueueSize?: number
  readonly maxExportBatchSize?: number
}

export interface ReadSettings {
  /** Null if no traces are wanted. */
  readonly settings: TraceSettings | null
  /** Mistakes in the variables, and how to fix them. */
  readonly warnings: readonly string[]
}

export type Env = Readonly<Record<string, string | undefined>>

type Warn = (warning: string) => void

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']
const HEADERS = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS']
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']
const TLS_FILES = { ca: 'CERTIFICATE', cert: 'CLIENT_CERTIFICATE', key: 'CLIENT_KEY' } as const
const BATCH = {
  OTEL_BSP_SCHEDULE_DELAY: 'scheduledDelayMillis',
  OTEL_BSP_EXPORT_TIMEOUT: 'exportTimeoutMillis',
  OTEL_BSP_MAX_QUEUE_SIZE: 'maxQueueSize',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 'maxExportBatchSize',
} as const satisfies Record<string, keyof BatchSettings>

// Node fires a longer timer at once.
const LARGEST = 2 ** 31 - 1

// Our traces have no parent, so `parentbased_` changes nothing.
const SHARES: Readonly<Record<string, 'all' | 'none' | 'ratio'>> = {
  always_on: 'all',
  parentbased_always_on: 'all',
  always_off: 'none',
  parentbased_always_off: 'none',
  traceidratio: 'ratio',
  parentbased_traceidratio: 'ratio',
}

export function readTraceSettings(env: Env): ReadSettings {
  const warnings: string[] = []
  const warn: Warn = (warning) => warnings.push(warning)
  const exporters = readExporters(env, warn)
  if (exporters.length === 0) return { settings: null, warnings }
  const settings: TraceSettings = {
    exporters,
    ratio: readRatio(env, warn),
    batch: readBatch(env, warn),
    secrets: [...readHeaders(env, warn), ...readProxies(env).proxies.secrets],
    ...proxyOf(env),
  }
  checkResource(env, warn)
  return { settings, warnings }
}

function proxyOf(env: Env): Pick<TraceSettings, 'proxy'> {
  const endpoint = ENDPOINTS.find((name) => variable(env, name) !== undefined)
  const url = URL.parse((endpoint && variable(env, endpoint)) ?? '')
  const proxy = url && readProxies(env).proxies.for(url)
  if (!proxy) return {}
  const files = Object.fromEntries(
    Object.entries(TLS_FILES).flatMap(([option, name]) => {
      const file =
        variable(env, `OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? variable(env, `OTEL_EXPORTER_OTLP_${name}`)
      return file === undefined ? [] : [[option, file]]
    }),
  )
  return { proxy: { name: proxy.name, url: proxy.url, files } }
}

function readExporters(env: Env, warn: Warn): Exporter[] {
  if (variable(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return []
  const endpoint = ENDPOINTS.find((name) => variable(env, name) !== undefined)
  const wanted = variable(env, 'OTEL_TRACES_EXPORTER') ?? (endpoint === undefined ? 'none' : 'otlp')
  const names = wanted.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('none')) return []
  const exporters = [...new Set(names)].filter((name): name is Exporter => {
    const known = name === 'otlp' || name === 'console'
    if (!known) warn(`OTEL_TRACES_EXPORTER: ${cut(name)} is not supported; use otlp, console or none`)
    return known
  })
  return exporters.filter((name) => name !== 'otlp' || canExport(env, endpoint, warn))
}

function canExport(env: Env, endpoint: string | undefined, warn: Warn): boolean {
  const protocol = PROTOCOLS.find((name) => variable(env, name) !== undefined)
  if (protocol !== undefined && variable(env, protocol) !== 'http/protobuf') {
    const advice = 'let the endpoint be the OTLP/HTTP port of the collector, usually 4318, and unset it'
    warn(`${protocol}: only http/protobuf is supported; ${advice}`)
  }
  const url = endpoint === undefined ? undefined : variable(env, endpoint)
  if (endpoint === undefined || (url !== undefined && /^https?:$/.test(protocolOf(url) ?? ''))) return true
  // The URL is not logged, because it may contain a password.
  warn(`${endpoint} is not an http:// or https:// URL, so no traces are exported; write http://host:4318`)
  return false
}

function readRatio(env: Env, warn: Warn): number {
  const sampler = variable(env, 'OTEL_TRACES_SAMPLER')?.toLowerCase() ?? 'parentbased_always_on'
  const share = SHARES[sampler]
  if (share === 'none') return 0
  if (share === 'all') return 1
  if (share === undefined) {
    const known = Object.keys(SHARES).join(', ')
    warn(`OTEL_TRACES_SAMPLER: ${cut(sampler)} is not supported, so every trace is kept; use one of ${known}`)
    return 1
  }
  const text = variable(env, 'OTEL_TRACES_SAMPLER_ARG')
  const ratio = text === undefined ? 1 : Number(text)
  if (ratio >= 0 && ratio <= 1) return ratio
  warn(
    `OTEL_TRACES_SAMPLER_ARG: ${cut(text ?? '')} is not a number from 0 to 1, so every trace is kept; write 0.1`,
  )
  return 1
}

function readBatch(env: Env, warn: Warn): BatchSettings {
  const batch: { -readonly [Key in keyof BatchSettings]: BatchSettings[Key] } = {}
  for (const [name, key] of Object.entries(BATCH)) {
    const text = variable(env, name)
    if (text === undefined) continue
    const number = Number(text)
    if (Number.isInteger(number) && number > 0 && number <= LARGEST) batch[key] = number
    else
      warn(
        `${name}: ${cut(text)} is not a whole number from 1 to ${LARGEST}, so the default is used; correct or unset it`,
      )
  }
  return batch
}

/** The exporter ignores a header that it cannot read, so the mistake would be visible only at the collector. */
function readHeaders(env: Env, warn: Warn): Secret[] {
  return HEADERS.flatMap((name) =>
    (variable(env, name) ?? '').split(',').flatMap((pair) => {
      if (pair.trim() === '') return []
      const [, value] = /^\s*[^=\s]+\s*=\s*(.+?)\s*$/.exec(pair) ?? []
      if (value === undefined) {
        warn(
          `${name}: a header without a value is ignored; write name=value,name=value, with %2C for a comma`,
        )
        return []
      }
      return [new Secret(value), new Secret(decodePercent(value) ?? value)]
    }),
  )
}

/** The SDK silently drops all attributes if one of them cannot be read. */
function checkResource(env: Env, warn: Warn): void {
  const text = variable(env, 'OTEL_RESOURCE_ATTRIBUTES') ?? ''
  const bad = text
    .split(',')
    .filter(
      (pair) => pair.trim() !== '' && !/^\s*[^=\s][^=]*=[^=]*$/.test(pair.replace(/%[\da-f]{2}/gi, '_')),
    )
  const undecodable = bad.length > 0 || decodePercent(text) === null
  if (!undecodable) return
  const form = 'write name=value,name=value, with %2C and %3D for commas and equal signs in values'
  warn(`OTEL_RESOURCE_ATTRIBUTES cannot be read, so all of it is ignored; ${form}`)
}

/** According to the specification, an empty variable counts as unset. */
function variable(env: Env, name: string): string | undefined {
  return env[name]?.trim() || undefined
}

function protocolOf(url: string): string | undefined {
  return URL.parse(url)?.protocol
}

function cut(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
