/** The checks of `doctor`. */
import { channels } from '../../channels/channels.ts'
import { type CompiledConfig, receiversOf } from '../../config/compiled.ts'
import { type Finding, unknown } from '../../core/finding.ts'
import { checkProxies } from '../../network/doctor.ts'
import { type Proxies, readProxies } from '../../network/proxies.ts'
import { checkClock } from '../../sources/doctor.ts'
import { checkPublicUrl, noPublicUrl } from '../../sources/public-url.ts'
import { checkStore } from '../../store/doctor.ts'
import { openStore } from '../../store/open.ts'
import { type EventRecord, type Store, StoreRefused, StoreUnavailable } from '../../store/store.ts'
import { checkTraces } from '../../telemetry/doctor.ts'
import type { Env } from '../../telemetry/settings.ts'
import { type Check, secretFindings } from './cheap-checks.ts'
import { enrichmentFindings } from './enrichment.ts'
import { heartbeatFinding } from './heartbeat.ts'

const REQUESTS_COMPARED = 50
// The share of a check's time limit: see ANSWERS_AT_MOST in doctor.ts.
const READING_SHARE = 5

/** `timeoutMs`: how long to wait for each answer. `env`: the service's environment. */
export function checksOf(compiled: CompiledConfig, timeoutMs: number, env: Env): readonly Check[] {
  const { config } = compiled
  const { proxies } = readProxies(env)
  const { heartbeat_url: heartbeat } = config.server
  return [
    { group: 'proxy', run: async () => checkProxies(env) },
    { group: 'sources', run: async () => secretFindings(compiled) },
    { group: 'store', run: () => checkStore(config.store.url, timeoutMs * READING_SHARE) },
    { group: 'clock', run: () => clockFindings(compiled) },
    { group: 'public URL', run: () => publicUrlFindings(compiled, timeoutMs, proxies) },
    { group: 'traces', run: () => checkTraces(env, timeoutMs) },
    ...(heartbeat === undefined
      ? []
      : [{ group: 'heartbeat', run: async () => [await heartbeatFinding(heartbeat, timeoutMs, proxies)] }]),
    ...(config.enrich.length === 0
      ? []
      : [{ group: 'enrich', run: () => enrichmentFindings(compiled, proxies) }]),
    ...channels.flatMap((channel): Check[] => {
      const receivers = receiversOf(config, channel.name)
      const settings = config.channels[channel.name]
      if (settings === undefined && receivers.size === 0) return []
      const run = async () =>
        (await channel.doctor?.())?.check(settings, receivers, timeoutMs, proxies) ?? [
          uncheckable(channel.name),
        ]
      return [{ group: channel.name, run }]
    }),
  ]
}

function uncheckable(channel: string): Finding {
  const meaning = 'Only the first message shows whether its messages arrive.'
  return unknown('uncheckable', `${channel} cannot be checked without sending a message`, meaning, '')
}

async function clockFindings({ config }: CompiledConfig): Promise<readonly Finding[]> {
  try {
    const store = await openStore(config.store.url, 'operator')
    try {
      return await Promise.all(
        Object.keys(config.sources).map(async (source) =>
          checkClock(source, await timings(store, source), await store.refusedClock(source)),
        ),
      )
    } finally {
      await store.close()
    }
  } catch (error) {
    // The check of the store reports why it does not open.
    if (!(error instanceof StoreRefused || error instanceof StoreUnavailable)) throw error
    return [
      unknown(
        'clock_unknown',
        'the clock cannot be checked: there is no store with earlier requests to compare it with',
        '',
        '',
      ),
    ]
  }
}

/** When the last requests of a source were sent and received. */
async function timings(store: Store, source: string): Promise<readonly EventRecord[]> {
  const { items } = await store.events({ source }, { limit: REQUESTS_COMPARED })
  const records = await Promise.all(items.map(({ id }) => store.event(id)))
  return records.filter((record) => record !== null)
}

async function publicUrlFindings(
  { config }: CompiledConfig,
  timeoutMs: number,
  proxies: Proxies,
): Promise<readonly Finding[]> {
  const sources = Object.keys(config.sources)
  const { public_url: publicUrl } = config.server
  if (publicUrl === undefined) return [noPublicUrl(sources[0] ?? '')]
  return Promise.all(sources.map((source) => checkPublicUrl(publicUrl, source, timeoutMs, proxies)))
}
