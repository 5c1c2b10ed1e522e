import type { Logger } from 'pino'
import { describeFact } from '../../pipeline/describe-fact.ts'
import type { Fact, Observe } from '../../pipeline/fact.ts'
import type { RequestLog } from './request-log.ts'

/** Passes each fact of the pipeline to its subscribers, such as metrics and log, in the order in which they subscribed. */
export interface Facts {
  readonly observe: Observe
  subscribe(observe: Observe): void
}

export function createFacts(): Facts {
  const observers: Observe[] = []
  return {
    observe(fact) {
      for (const observe of observers) observe(fact)
    },
    subscribe: (observe) => void observers.push(observe),
  }
}

/** `trace`: the fields that a fact's span adds to its log line; undefined if there are no traces. */
export function logFacts(
  log: Logger,
  requests: { readonly rejected: RequestLog; readonly repeated: RequestLog },
  trace: ((fact: Fact) => object | undefined) | undefined,
): Observe {
  return (fact) => {
    const entry = describeFact(fact)
    if (fact.kind === 'rejected') return requests.rejected.add(entry, fact.code, fact.address ?? '')
    const fields = trace === undefined ? entry.fields : { ...entry.fields, ...trace(fact) }
    // An attacker can repeat a captured request without limit.
    if (fact.kind === 'received' && fact.result === 'duplicate') {
      return requests.repeated.add({ ...entry, fields }, fact.result)
    }
    log[entry.level](fields, entry.message)
  }
}
