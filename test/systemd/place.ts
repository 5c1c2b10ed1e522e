/** Where the suite's tests work: the machine, the service in it, and what it sends to. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startMailServer } from '../support/mail-server.ts'
import { freePort } from '../support/ports.ts'
import { newEvent, post, type SignedEvent, secret } from '../support/service.ts'
import { arrivals, type Sinks } from '../support/sinks.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { until } from '../support/until.ts'
import { prepare } from './installed.ts'
import { boot, type Machine } from './machine.ts'

export interface Place {
  readonly sinks: Sinks
  readonly port: number
  readonly url: string
  /** The file names of the secrets, and what they hold. */
  readonly secrets: Readonly<Record<string, string>>
  readonly machine: () => Machine
  readonly reboot: () => Promise<void>
  /** Runs documented commands; throws where one fails. */
  run(script: string): Promise<string>
  /** A property of hookbridge.service. */
  show(property: string): Promise<string>
  journal(): Promise<string>
  /** A file in the machine. */
  read(path: string): string
  write(path: string, text: string): void
  /** Sends an event, and waits until its messages have come; of most there are two, in Slack and in the mailbox. */
  deliver(event?: SignedEvent, messages?: number): Promise<string>
}

// Only a test that fails waits that long.
const PATIENCE_MS = 300_000

export const CONFIG = '/etc/hookbridge/config.yaml'

interface Teardown {
  teardown(action: () => unknown): unknown
}

export async function openPlace(t: Teardown): Promise<Place> {
  const password = randomBytes(12).toString('hex')
  const mail = await startMailServer({ auth: { user: 'hookbridge', pass: password } })
  const sinks = { slack: await startSlackServer(), mail }
  t.teardown(() => Promise.all([sinks.slack.close(), mail.close()]))
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const { root, run } = await prepare(t)
  let machine = await boot(root)
  t.teardown(() => machine.powerOff())
  return {
    sinks,
    port,
    url,
    secrets: {
      'cuuro-webhook-secret': secret,
      'slack-bot-token': 'xoxb-only-tests-know-this-token',
      'smtp-url': mail.url,
    },
    machine: () => machine,
    async reboot() {
      await machine.powerOff()
      machine = await boot(root)
    },
    run: (script) => run(machine, script),
    async show(property) {
      return (await machine.output(`systemctl show --value --property=${property} hookbridge.service`)).trim()
    },
    journal: () => machine.output('journalctl --unit=hookbridge.service --no-pager --output=cat'),
    read: (path) => readFileSync(join(root, path), 'utf8'),
    write: (path, text) => writeFileSync(join(root, path), text),
    async deliver(event = newEvent(), messages = 2) {
      const before = arrivals(sinks)
      const response = await post(url, event)
      if (response.status !== 202) throw new Error(`an event was answered ${response.status}`)
      const { id } = (await response.json()) as { id: string }
      const arrived = () => [...arrivals(sinks).keys()].filter((delivery) => !before.has(delivery))
      await until(() => arrived().length === messages, 'the messages of an event', PATIENCE_MS)
      return id
    },
  }
}
