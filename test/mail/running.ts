/** A program of Debian's in the foreground, for as long as a test lasts. */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import type { Test } from 'tap'
import { until } from '../support/until.ts'

export interface Running {
  /** What it wrote until now. */
  output(): string
}

/** Resolves when something listens on `port` of 127.0.0.1; ends the program with SIGTERM. */
export async function run(t: Test, program: string, args: readonly string[], port: number): Promise<Running> {
  const running = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const ended = new Promise((resolve) => running.once('close', resolve))
  t.teardown(async () => {
    running.kill('SIGTERM')
    await ended
  })
  await until(() => {
    if (running.exitCode !== null) throw new Error(`${program} ended with ${running.exitCode}: ${output}`)
    return listens(port)
  }, `${program} to listen`)
  return { output: () => output }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
