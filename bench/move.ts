/** How long `migrate-store` takes for a long history, SQLite to PostgreSQL and back, and how much memory it needs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeLongHistory } from '../test/support/long-history.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { pin } from './process.ts'

const EVENTS = 1_000_000
const SAMPLE_EVERY_MS = 500
const MB = 2 ** 10

export async function move(folder: string, events = EVENTS): Promise<void> {
  pin(process.pid, '0-1')
  const path = join(folder, 'moved.db')
  await writeLongHistory(path, events)
  const ends: (() => Promise<void>)[] = []
  try {
    const server = await startPostgres({ teardown: (end) => ends.push(end) })
    const url = server.createDatabase()
    console.log(`\nMoving ${events} events, compared at the end`)
    console.log('                      rows        s   rows/s  MB after a tenth  MB at most')
    await measure('to PostgreSQL', `sqlite:${path}`, url)
    await measure('from PostgreSQL', url, `sqlite:${join(folder, 'back.db')}`)
  } finally {
    for (const end of ends) await end()
  }
}

async function measure(name: string, from: string, to: string): Promise<void> {
  const began = performance.now()
  const child = spawn(process.execPath, ['src/main.ts', 'migrate-store', from, to], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const samples: number[] = []
  const timer = setInterval(() => samples.push(memoryOf(child.pid)), SAMPLE_EVERY_MS)
  const [code] = await once(child, 'close')
  clearInterval(timer)
  if (code !== 0) throw new Error(`migrate-store ended with ${code}`)
  const seconds = (performance.now() - began) / 1_000
  const rows = [...output.matchAll(/(\d+) rows /g)].reduce((sum, [, count]) => sum + Number(count), 0)
  const early = Math.max(...samples.slice(0, Math.ceil(samples.length / 10)))
  console.log(
    `${name.padEnd(16)}${String(rows).padStart(10)}${seconds.toFixed(0).padStart(9)}${(rows / seconds)
      .toFixed(0)
      .padStart(9)}${early.toFixed(0).padStart(18)}${Math.max(...samples)
      .toFixed(0)
      .padStart(12)}`,
  )
}

/** The resident memory of a process, in MB. */
function memoryOf(pid: number | undefined): number {
  const [, kilobytes = 0] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / MB
}
