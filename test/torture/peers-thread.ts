/** The thread of peers.ts: what the service speaks with. It answers calls by their name. */
import { parentPort, workerData } from 'node:worker_threads'
import { startMailServer } from '../support/mail-server.ts'
import { seeded } from '../support/seeded-random.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { collector } from './arrivals.ts'
import type { Calls, Given } from './peers.ts'
import { Progress } from './progress.ts'
import { Acknowledgements, Arrivals } from './records.ts'
import { startSender } from './sender.ts'
import { channels } from './traffic.ts'
import { startTroubles } from './trouble.ts'

const COLLECT_EVERY_MS = 100
const scopes = ['chat:write', 'channels:read', 'channels:history']

const { events, port, seeds, memory }: Given = workerData
const progress = new Progress(memory.progress)
const acknowledgements = new Acknowledgements(events, memory.acknowledgements)
const sinks = { slack: await startSlackServer({ channels, scopes }), mail: await startMailServer() }
const collect = collector(sinks, new Arrivals(events, memory.arrivals), progress)
setInterval(collect, COLLECT_EVERY_MS)
const troubles = startTroubles(sinks, seeded(seeds.troubles))
let answers: ReadonlyMap<string, number> = new Map()

const calls: Calls = {
  urls: async () => ({ slack: sinks.slack.url, mail: sinks.mail.url }),
  async send() {
    const sender = startSender({ port, events, acknowledgements, progress, random: seeded(seeds.sender) })
    answers = sender.answers
    await sender.done
  },
  async calm() {
    troubles.clear()
  },
  async counts() {
    collect()
    return { met: troubles.met, answers }
  },
}

parentPort?.on('message', async (name: keyof Calls) => {
  const result = await calls[name]()
  parentPort?.postMessage({ name, result })
})
