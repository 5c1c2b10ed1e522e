/** A real Prometheus, with a configuration of its own, for as long as a test lasts. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../support/ports.ts'
import { temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

export interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

export interface Target {
  readonly labels: Readonly<Record<string, string>>
  readonly health: string
  readonly lastError: string
}

export interface Prometheus {
  targets(): Promise<readonly Target[]>
  alerts(): Promise<readonly Alert[]>
  /** The names of rules that could not be evaluated, with why. */
  failedRules(): Promise<readonly string[]>
  /** What an expression evaluates to now: how many series. Throws where it is none. */
  count(expression: string): Promise<number>
}

export async function startPrometheus(t: Test, configuration: string): Promise<Prometheus> {
  const folder = temporaryFolder(t)
  const file = join(folder, 'prometheus.yml')
  writeFileSync(file, configuration)
  const port = freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let output = ''
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await closed
  })
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}:\n${output}`)
    return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true
  }, 'prometheus to be ready')

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}`)
    const answer = (await response.json()) as { status: string; data: T; error?: string }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }
  return {
    targets: async () => (await ask<{ activeTargets: Target[] }>('targets')).activeTargets,
    alerts: async () => (await ask<{ alerts: Alert[] }>('alerts')).alerts,
    async failedRules() {
      const { groups } = await ask<{
        groups: { rules: { name: string; health: string; lastError?: string }[] }[]
      }>('rules')
      const failed = groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== 'ok')
      return failed.map(({ name, health, lastError }) => `${name}: ${lastError ?? health}`)
    },
    async count(expression) {
      return (await ask<{ result: unknown[] }>(`query?query=${encodeURIComponent(expression)}`)).result.length
    },
  }
}
