/** Everything that is built from one configuration, as one value that a reload replaces as a whole. */
import type { ChannelEnvironment, OpenChannel } from '../channels/channel.ts'
import { channels } from '../channels/channels.ts'
import { type CompiledConfig, receiversOf } from '../config/compiled.ts'
import { packageVersion } from '../config/package.ts'
import { openEnrichClient } from '../enrich/client.ts'
import type { WebhookSettings } from '../http/webhooks.ts'
import type { DeliverSettings } from '../pipeline/deliver.ts'
import type { EnrichSettings } from '../pipeline/enrichment/enrich-event.ts'
import type { ReceiveSettings, SourceDeps } from '../pipeline/receive.ts'
import { compileAllowList } from '../sources/addresses.ts'
import { createVerifier } from '../sources/svix.ts'

export interface Generation extends ReceiveSettings, DeliverSettings, WebhookSettings, EnrichSettings {
  readonly compiled: CompiledConfig
  readonly closeEnrichment: () => Promise<void>
}

/** What channels need, independent of the configuration. */
type Surroundings = Omit<ChannelEnvironment, 'timeout'>

/** The current generation, and earlier ones that still have attempts to finish. */
export class Generations {
  readonly #surroundings: Surroundings
  readonly #onBug: (error: unknown) => void
  readonly #retiring = new Set<Promise<void>>()
  #current: Generation

  constructor(compiled: CompiledConfig, surroundings: Surroundings, onBug: (error: unknown) => void) {
    this.#surroundings = surroundings
    this.#onBug = onBug
    this.#current = createGeneration(compiled, surroundings)
  }

  get current(): Generation {
    return this.#current
  }

  /** If it throws, nothing has changed. */
  replace(compiled: CompiledConfig): void {
    const before = this.#current
    this.#current = createGeneration(compiled, this.#surroundings)
    const retired = closeConnections(before)
      .catch(this.#onBug)
      .finally(() => this.#retiring.delete(retired))
    this.#retiring.add(retired)
  }

  /** Waits for all attempts, then closes all connections. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([closeConnections(this.#current), ...this.#retiring])
  }
}

/** Opens no connections: a channel connects with its first attempt. */
function createGeneration(compiled: CompiledConfig, surroundings: Surroundings): Generation {
  const { enrich: steps } = compiled.config
  const client = openEnrichClient(steps, {
    proxies: surroundings.proxies,
    userAgent: `hookbridge/${packageVersion()}`,
    now: Date.now,
    clock: () => performance.now(),
  })
  const { config, router, destinations, lifecycles, followUp, templates, links, sourceTitle } = compiled
  return {
    compiled,
    sources: sourcesOf(compiled),
    steps,
    async ask(step, request, patienceMs) {
      const tried = await client.ask(step, request, patienceMs)
      return tried.kind === 'later' ? tried : { ...tried, kept: tried.answer === null }
    },
    closeEnrichment: client.close,
    maxPending: config.server.max_pending,
    router,
    notices: compiled.notices,
    destinations,
    lifecycles,
    followUp,
    fallbacks: compiled.fallbacks,
    dedupeFor: config.store.dedupe,
    fingerprint: compiled.fingerprint,
    renderers: templates.renderers,
    templates: templates.names,
    links,
    sourceTitle,
    policy: { retryFor: config.delivery.retry_for, ambiguousResends: config.delivery.ambiguous_resends },
    channels: openChannels(compiled, surroundings),
  }
}

async function closeConnections({ channels, closeEnrichment }: Generation): Promise<void> {
  await Promise.all([closeEnrichment(), ...[...channels.values()].map((channel) => channel.close())])
}

function openChannels(
  compiled: CompiledConfig,
  surroundings: Surroundings,
): Map<string, OpenChannel<unknown>> {
  const environment = { ...surroundings, timeout: compiled.config.delivery.timeout }
  const open = new Map<string, OpenChannel<unknown>>()
  for (const channel of channels) {
    const receivers = receiversOf(compiled.config, channel.name)
    const settings = compiled.config.channels[channel.name]
    if (settings === undefined && receivers.size === 0) continue
    open.set(channel.name, channel.open(settings, receivers, environment))
  }
  return open
}

function sourcesOf({ config }: CompiledConfig): Map<string, SourceDeps> {
  const sources = new Map<string, SourceDeps>()
  for (const [name, { svix, event_type, subject, allow_ips }] of Object.entries(config.sources)) {
    sources.set(name, {
      verifier: createVerifier(svix.secrets),
      pointers: { eventType: event_type, subject },
      allows: allow_ips === undefined ? null : compileAllowList(allow_ips),
    })
  }
  return sources
}
