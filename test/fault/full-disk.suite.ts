/** A full disk: events are refused, none that was acknowledged is lost, and work goes on once there is room. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { history, newEvent, post, startService, temporaryFolder, writeConfig } from '../support/service.ts'
import { arrivals, startSinks, unexplained } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const isRoot = process.getuid?.() === 0

t.test(
  'the disk fills and is freed',
  { skip: !isRoot && 'mounting a small tmpfs needs root', timeout: 600_000 },
  async (t) => {
    const folder = temporaryFolder(t)
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    t.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status, 0, 'a disk of 4 MB')
    t.teardown(() => spawnSync('umount', ['--lazy', disk]))

    const sinks = await startSinks(t)
    const config = writeConfig({
      folder,
      storeFolder: disk,
      slackUrl: sinks.slack.url,
      smtpUrl: sinks.mail.url,
    })
    const service = await startService(config)
    t.teardown(() => service.end('SIGKILL'))

    const acknowledged = new Set<string>()
    const refused: { readonly status: number; readonly retryAfter: string | null; readonly error: string }[] =
      []
    const sendOne = async () => {
      const event = newEvent()
      const response = await post(service.url, event)
      const answer = (await response.json()) as { id?: string; error?: string }
      if (response.status === 202 && answer.id !== undefined) acknowledged.add(answer.id)
      else
        refused.push({
          status: response.status,
          retryAfter: response.headers.get('retry-after'),
          error: answer.error ?? '',
        })
      return response.status
    }
    for (let i = 0; i < 20; i++) await sendOne()
    t.equal(refused.length, 0, 'there is room at first')

    const filler = join(disk, 'filler')
    const free = statfsSync(disk)
    writeFileSync(filler, Buffer.alloc(Math.max(0, free.bavail * free.bsize - 256 * 1024)))
    await until(
      async () => (await Promise.all(Array.from({ length: 10 }, sendOne))).includes(503),
      'the disk to be full',
      60_000,
    )
    t.strictSame(
      [...new Set(refused.map((refusal) => JSON.stringify(refusal)))].map((text) => JSON.parse(text)),
      [{ status: 503, retryAfter: '5', error: 'store_unavailable' }],
      'what cannot be stored is refused with 503 and Retry-After, never acknowledged',
    )
    t.equal((await fetch(`${service.url}/readyz`)).status, 503, 'and /readyz says so')
    t.equal((await fetch(`${service.url}/livez`)).status, 200)

    rmSync(filler)
    await until(async () => (await sendOne()) === 202, 'events to be taken again')
    await until(
      () => arrivals(sinks).size >= 2 * acknowledged.size,
      'all that was acknowledged to arrive',
      60_000,
    )
    await until(
      async () => (await history(disk)).deliveries.every(({ state }) => state === 'delivered'),
      'every delivery to be recorded',
    )
    const { events, deliveries } = await history(disk)
    const stored = new Set(events.map(({ id }) => id))
    t.strictSame(
      [...acknowledged].filter((id) => !stored.has(id)),
      [],
      'every acknowledged event is stored',
    )
    t.strictSame(
      unexplained(sinks, deliveries),
      [],
      'each message arrived once: what could not be recorded was not sent again',
    )
    t.equal((await service.end('SIGTERM')).code, 0)
  },
)
