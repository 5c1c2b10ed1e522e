/** What `doctor` examines, and the cheap part of it that `serve` does at its start. */
import { channels } from '../../channels/channels.ts'
import { type CompiledConfig, receiversOf } from '../../config/load.ts'
import { type Finding, unknown, wrong } from '../../core/finding.ts'
import { redact } from '../../core/secret.ts'
import { examineClock, examineSecrets } from '../../sources/doctor.ts'
import { examinePublicUrl, noPublicUrl } from '../../sources/public-url.ts'
import { examinePlace, examineStore } from '../../store/doctor.ts'
import { openStore } from '../../store/open.ts'
import { StoreRefused, StoreUnavailable } from '../../store/store.ts'
import { examineTraces } from '../../telemetry/doctor.ts'
import type { Env } from '../../telemetry/settings.ts'

export interface Examination {
  readonly group: string
  readonly run: () => Promise<readonly Finding[]>
}

const REQUESTS_COMPARED = 50

/** `timeout`: milliseconds to wait for each answer. `env`: what the service is told by its environment. */
export function examinations(compiled: CompiledConfig, timeout: number, env: Env): readonly Examination[] {
  const { config } = compiled
  return [
    { group: 'sources', run: async () => secretFindings(compiled) },
    { group: 'store', run: () => examineStore(config.store.url) },
    { group: 'clock', run: () => clockFindings(compiled) },
    { group: 'public URL', run: () => publicUrlFindings(compiled, timeout) },
    { group: 'traces', run: () => examineTraces(env, timeout) },
    ...channels.flatMap((channel): Examination[] => {
      const receivers = receiversOf(config, channel.name)
      const settings = config.channels[channel.name]
      if (settings === undefined && receivers.size === 0) return []
      const run = async () =>
        (await channel.doctor?.())?.check(settings, receivers, timeout) ?? [uncheckable(channel.name)]
      return [{ group: channel.name, run }]
    }),
  ]
}

/** Touches no network, and nothing that the service's work waits for. */
export function cheapExaminations(compiled: CompiledConfig): readonly Examination[] {
  return [
    { group: 'sources', run: async () => secretFindings(compiled) },
    { group: 'store', run: () => examinePlace(compiled.config.store.url) },
  ]
}

/** Never throws: an examination that fails, or does not end within `limit` ms, is a finding. */
export async function examine(
  { group, run }: Examination,
  { secrets }: Pick<CompiledConfig, 'secrets'>,
  limit: number,
): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<readonly Finding[]>((resolve) => {
    const summary = `this took longer than ${limit / 1000} s, and was given up`
    timer = setTimeout(
      () => resolve([wrong(summary, '', 'run it again; look for a disk or a network that hangs')]),
      limit,
    )
  })
  try {
    return await Promise.race([run(), late])
  } catch (error) {
    const words = redact(error instanceof Error ? error.message : String(error), secrets)
    return [
      wrong(
        `the examination of ${group} failed: ${words}`,
        '',
        'fix what it names; else it is a bug of hookbridge',
      ),
    ]
  } finally {
    clearTimeout(timer)
  }
}

function uncheckable(channel: string): Finding {
  const meaning = 'Whether its messages arrive shows with the first one.'
  return unknown(`nothing can be checked of ${channel} without sending a message`, meaning, '')
}

function secretFindings({ config }: CompiledConfig): Finding[] {
  return Object.entries(config.sources).map(([name, { svix }]) => examineSecrets(name, svix.secrets))
}

async function clockFindings({ config }: CompiledConfig): Promise<readonly Finding[]> {
  try {
    const store = await openStore(config.store.url, 'operator')
    try {
      return await Promise.all(
        Object.keys(config.sources).map(async (source) =>
          examineClock(source, await store.events({ source, limit: REQUESTS_COMPARED })),
        ),
      )
    } finally {
      await store.close()
    }
  } catch (error) {
    // Why it does not open is told of the store.
    if (!(error instanceof StoreRefused || error instanceof StoreUnavailable)) throw error
    return [unknown('without a store there are no requests to compare the clock with', '', '')]
  }
}

async function publicUrlFindings({ config }: CompiledConfig, timeout: number): Promise<readonly Finding[]> {
  const sources = Object.keys(config.sources)
  const { public_url: publicUrl } = config.server
  if (publicUrl === undefined) return [noPublicUrl(sources[0] ?? '')]
  return Promise.all(sources.map((source) => examinePublicUrl(publicUrl, source, timeout)))
}
