import { Gauge, type Registry } from 'prom-client'
import type { DestinationState } from '../../core/delivery/destination.ts'
import type { Observe } from '../../pipeline/fact.ts'
import type { DestinationRecord, History } from '../../store/store.ts'
import { cached } from './cached.ts'
import type { DestinationLabels, MetricLabels } from './labels.ts'

export interface DestinationDeps {
  readonly destinations: History['destinations']
  /** Monotonic milliseconds. */
  readonly clock: () => number
  /** Called if the store cannot be read. */
  readonly observe: Observe
}

/** The health of destinations, from the store: the same that the delivery loop acts on. */
export function createDestinationMetrics(registers: Registry[], deps: DestinationDeps) {
  let configured: readonly DestinationLabels[] = []
  const read = cached(deps.destinations, deps.clock, (error) => {
    const message = error instanceof Error ? error.message : String(error)
    deps.observe({ kind: 'store_failed', during: 'destinations', message })
  })
  const labelNames = ['channel', 'receiver'] as const

  /** `measure`: returns undefined if there is no value. */
  function gauge(
    name: string,
    help: string,
    measure: (states: readonly DestinationState[]) => number | undefined,
  ) {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const found = await read()
        this.reset()
        // A value that cannot be read is left out: a 0 would be wrong.
        if (found === null) return
        for (const destination of configured) {
          const value = measure(statesOf(found, destination))
          const { channel, receiver } = destination
          if (value !== undefined) this.set({ channel, receiver }, value)
        }
      },
    })
  }

  gauge(
    'hookbridge_destination_consecutive_failures',
    'Failed attempts (retry, ambiguous, park) since the last successful one, or since the last reload; of the worst destination if a receiver has several.',
    (states) => Math.max(0, ...states.map(({ failures }) => failures)),
  )
  gauge(
    'hookbridge_destination_last_success_timestamp_seconds',
    'When the destination last took a message, to the second; missing before the first.',
    (states) => {
      const times = states.flatMap(({ lastSuccessAt }) => lastSuccessAt ?? [])
      return times.length === 0 ? undefined : Math.max(...times) / 1000
    },
  )
  return {
    configure({ destinations }: Pick<MetricLabels, 'destinations'>): void {
      configured = destinations
    },
  }
}

function statesOf(
  found: readonly DestinationRecord[],
  { channel, targets }: DestinationLabels,
): readonly DestinationState[] {
  return found.flatMap(({ destination, state }) =>
    state !== null && destination.channel === channel && targets.includes(destination.target) ? [state] : [],
  )
}
