import type { Logger } from 'pino'
import { type Fact, logEntry, type Observe } from '../pipeline/fact.ts'
import type { RejectionLog } from './rejection-log.ts'

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

/** `trace`: the fields that a fact's span adds to its line; undefined where there are no traces. */
export function logFacts(
  log: Logger,
  rejectionLog: RejectionLog,
  trace: ((fact: Fact) => object | undefined) | undefined,
): Observe {
  return (fact) => {
    if (fact.kind === 'rejected') return rejectionLog.add(fact)
    const { level, message, fields } = logEntry(fact)
    log[level](trace === undefined ? fields : { ...fields, ...trace(fact) }, message)
  }
}
