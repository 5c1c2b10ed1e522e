/** The memory of a service that takes and delivers events at a steady pace. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fire, median, signedShots } from '../load.ts'
import { cpuMs, memory } from '../process.ts'
import type { MemoryResult } from './results.ts'
import { type Lab, startService, toOneChannel, until } from './service.ts'

type MemorySample = MemoryResult['samples'][number]
type HeapSample = MemoryResult['heap'][number]

// Requests are signed shortly before they are sent, for a signature is good for five minutes.
const SIGNED_AT_ONCE_S = 2
const CONNECTIONS = 20
const SAMPLE_EVERY_MS = 2_000
const HEAPS = 20
const BYTES_PER_MB = 1024 * 1024

export async function measureMemory(lab: Lab, perSecond: number, minutes: number): Promise<MemoryResult> {
  const heapFile = join(lab.folder, 'heap')
  const service = await startService(lab, {
    name: 'memory',
    ...toOneChannel,
    node: ['--expose-gc', '--import', './bench/growth/heap-probe.ts'],
    env: { BENCH_HEAP: heapFile },
  })
  const { port, pid } = service.process()
  const samples: MemorySample[] = []
  const heap: HeapSample[] = []
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const sampling = setInterval(
    () => samples.push({ seconds: seconds(), mb: memory(pid).now }),
    SAMPLE_EVERY_MS,
  )
  const cpuBefore = cpuMs(pid)
  let fired = 0
  let delivered = 0
  try {
    while (seconds() < minutes * 60) {
      const shots = signedShots(perSecond * SIGNED_AT_ONCE_S, lab.secret, 'bench')
      // What signing took is caught up with.
      const left = ((fired + shots.length) / perSecond) * 1000 - (performance.now() - began)
      await fire(port, shots, CONNECTIONS, () => {}, (shots.length * 1000) / Math.max(1, left))
      fired += shots.length
      delivered += service.slack.messages.splice(0).length
      if (seconds() >= (heap.length + 1) * ((minutes * 60) / HEAPS))
        heap.push({ seconds: seconds(), events: fired, mb: await heapInUse(pid, heapFile) })
    }
    await until(() => delivered + service.slack.messages.length >= fired)
    const took = seconds()
    const cpu = (cpuMs(pid) - cpuBefore) / 1000 / took
    clearInterval(sampling)
    const earlyMb = median(within(samples, 60, 120))
    const lateMb = median(within(samples, took - 60, took))
    return {
      perSecond: Math.round(fired / took),
      minutes: took / 60,
      samples,
      earlyMb,
      lateMb,
      ratio: lateMb / earlyMb,
      heap,
      bytesPerEvent: slope(heap.slice(Math.floor(heap.length / 2))) * BYTES_PER_MB,
      cpu,
    }
  } finally {
    clearInterval(sampling)
    await service.stop()
  }
}

async function heapInUse(pid: number, file: string): Promise<number> {
  rmSync(file, { force: true })
  process.kill(pid, 'SIGWINCH')
  await until(() => existsSync(file))
  return Number(readFileSync(file, 'utf8')) / BYTES_PER_MB
}

function within(samples: readonly MemorySample[], from: number, to: number): readonly number[] {
  return samples.filter(({ seconds }) => seconds >= from && seconds <= to).map(({ mb }) => mb)
}

/** MB an event, of a line with the least squares. */
function slope(samples: readonly HeapSample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(samples.map(({ events }) => events))
  const y = mean(samples.map(({ mb }) => mb))
  const together = samples.reduce((sum, { events, mb }) => sum + (events - x) * (mb - y), 0)
  return together / samples.reduce((sum, { events }) => sum + (events - x) ** 2, 0)
}
