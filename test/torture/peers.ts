/**
 * What the service speaks with: a sender, and the stand-ins for Slack and a mail server with their troubles. In a thread of their
 * own, since tap follows every promise of its own thread, which takes as much of the processor as they do.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Test } from 'tap'
import { Progress } from './progress.ts'
import { Acknowledgements, Arrivals } from './records.ts'

export interface Given {
  readonly events: number
  /** Of the service. */
  readonly port: number
  readonly seeds: { readonly troubles: number; readonly sender: number }
  readonly memory: Readonly<Record<'progress' | 'acknowledgements' | 'arrivals', SharedArrayBuffer>>
}

/** What the thread does when it is asked to. */
export interface Calls {
  /** Of the stand-ins. */
  urls(): Promise<{ readonly slack: string; readonly mail: string }>
  /** Sends all events; resolves when all are acknowledged. */
  send(): Promise<void>
  /** Ends all trouble at the destinations. */
  calm(): Promise<void>
  /** Requests and steps that met with trouble, by its kind, and answers to the sender by their status. */
  counts(): Promise<Readonly<Record<'met' | 'answers', ReadonlyMap<string, number>>>>
}

export interface Peers extends Calls {
  readonly progress: Progress
  readonly acknowledgements: Acknowledgements
  /** All that arrived, once `counts` has resolved. */
  readonly arrivals: Arrivals
}

export function startPeers(t: Test, given: Omit<Given, 'memory'>): Peers {
  const progress = new Progress()
  const acknowledgements = new Acknowledgements(given.events)
  const arrivals = new Arrivals(given.events)
  const memory = {
    progress: progress.memory,
    acknowledgements: acknowledgements.memory,
    arrivals: arrivals.memory,
  }
  const workerData: Given = { ...given, memory }
  const worker = new Worker(new URL('./peers-thread.ts', import.meta.url), { workerData })
  t.teardown(() => worker.terminate())

  /** Rejects where the thread ended with an error. */
  async function call(name: keyof Calls) {
    worker.postMessage(name)
    for (;;) {
      const [answer] = await once(worker, 'message')
      if (answer.name === name) return answer.result
    }
  }
  return {
    progress,
    acknowledgements,
    arrivals,
    urls: () => call('urls'),
    send: () => call('send'),
    calm: () => call('calm'),
    counts: () => call('counts'),
  }
}
