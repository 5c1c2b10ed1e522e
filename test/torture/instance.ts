/** The service whose faults are injected: it is started again and again, on one port, with one store. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { replaceFile } from '../support/replace.ts'
import { environment, type Service, startService } from '../support/service.ts'
import { until } from '../support/until.ts'
import type { FakeClock } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Progress } from './progress.ts'
import type { Fault } from './schedule.ts'
import { brokenConfigOf, configOf, type Places, writeTemplates } from './traffic.ts'

const RESTART_AFTER_MS = 100
/** Only a run that fails waits that long, on a machine however busy. */
const PATIENCE_MS = 600_000
/** A full disk may go unnoticed: the store has some room of its own. */
const FILLS_WITHIN_MS = 5_000
const LATEST_KILL_MS = 50
/** Dates of answers are full seconds, and answers take their time. */
const CLOCK_TOLERANCE_MS = 600_000

export interface Instance {
  readonly pid: number
  readonly url: string
  /** What it did that it should not have done. */
  readonly problems: readonly string[]
  inject(fault: Fault): Promise<void>
  end(signal: NodeJS.Signals): Promise<number | null>
}

export interface InstanceDeps {
  readonly places: Places
  readonly disk: Disk
  readonly clock: FakeClock
  /** Says which versions of the configuration there are. */
  readonly progress: Progress
  readonly random: () => number
}

export async function startInstance({
  places,
  disk,
  clock,
  progress,
  random,
}: InstanceDeps): Promise<Instance> {
  const templates = join(places.folder, 'templates', 'default')
  mkdirSync(templates, { recursive: true })
  writeTemplates(templates)
  const config = join(places.folder, 'config.yaml')
  const problems: string[] = []
  progress.set('written', 1)
  progress.set('loaded', 1)
  replaceFile(config, configOf(places, 1))
  let service = await started()

  return {
    get pid() {
      return service.pid
    },
    get url() {
      return service.url
    },
    problems,
    inject,
    async end(signal) {
      const { code } = await service.end(signal)
      readLog(service)
      return code
    },
  }

  async function inject(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'kill':
        return restart()
      case 'suspend':
        process.kill(service.pid, 'SIGSTOP')
        await pause(fault.ms)
        process.kill(service.pid, 'SIGCONT')
        return
      case 'clock':
        return setClock(fault.hours)
      case 'full_disk':
        return fillDisk(fault.ms, fault.kills)
      case 'reload':
        return reload(fault.kills)
      case 'bad_reload':
        return reloadBroken(fault.way)
    }
  }

  /** kill -9, and another process as soon as one starts: on a full disk it may not. */
  async function restart(): Promise<void> {
    await service.end('SIGKILL')
    readLog(service)
    // It reads what is there when it starts, so that this is in effect.
    const version = progress.get('written')
    service = await started()
    progress.set('loaded', version)
  }

  /** Tries until it starts. */
  async function started(): Promise<Service> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        return await startService(config, { ...environment, ...clock.env })
      } catch (error) {
        if (performance.now() > deadline) throw error
        await pause(RESTART_AFTER_MS)
      }
    }
  }

  /** Resolves once the service has the new time, which its answers show. */
  async function setClock(hours: number): Promise<void> {
    clock.step(hours)
    await until(
      async () => {
        const { headers } = await fetch(`${service.url}/livez`)
        const ahead = Date.parse(headers.get('date') ?? '') - Date.now()
        return Math.abs(ahead - clock.hours * 3_600_000) < CLOCK_TOLERANCE_MS
      },
      'the clock to be set',
      PATIENCE_MS,
    )
  }

  async function fillDisk(ms: number, kills: boolean): Promise<void> {
    const before = progress.get('refused')
    disk.fill()
    const deadline = performance.now() + FILLS_WITHIN_MS
    while (progress.get('refused') === before && performance.now() < deadline) await pause(50)
    await pause(ms)
    const started = kills ? restart() : undefined
    // It has a moment to start on the full disk.
    if (kills) await pause(ms)
    disk.free()
    await started
  }

  async function reload(kills: boolean): Promise<void> {
    const version = progress.get('written') + 1
    const before = await askReload()
    progress.set('written', version)
    replaceFile(config, configOf(places, version))
    process.kill(service.pid, 'SIGHUP')
    if (kills) {
      await pause(random() * LATEST_KILL_MS)
      return restart()
    }
    if (await reloadAfter(before.at)) progress.set('loaded', version)
    else problems.push(`version ${version}, which is right, was not loaded`)
  }

  /** What is refused is put right again, before the next start would find it. */
  async function reloadBroken(way: number): Promise<void> {
    const before = await askReload()
    replaceFile(config, brokenConfigOf(places, progress.get('written'), way))
    process.kill(service.pid, 'SIGHUP')
    if (await reloadAfter(before.at)) problems.push(`a configuration that is broken in way ${way} was loaded`)
    replaceFile(config, configOf(places, progress.get('written')))
  }

  /** Whether the reload was right that ended after the one of this time. */
  async function reloadAfter(before: string): Promise<boolean> {
    let ok = false
    await until(
      async () => {
        const last = await askReload()
        ok = last.ok
        return last.at !== before
      },
      'the reload to end',
      PATIENCE_MS,
    )
    return ok
  }

  async function askReload(): Promise<{ readonly at: string; readonly ok: boolean }> {
    const answer = await fetch(`${service.url}/readyz`)
    const { reload }: { reload?: { at: string; ok: boolean } } = JSON.parse(await answer.text())
    return reload ?? { at: '', ok: true }
  }

  /** What a process logged that nothing explains. */
  function readLog({ output }: Service): void {
    for (const line of output().split('\n')) {
      if (/"level":60|unexpected error/.test(line)) problems.push(line)
    }
  }
}
