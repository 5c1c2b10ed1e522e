/** A command on a terminal of its own, by script(1), which every Debian has. */
import { spawn } from 'node:child_process'
import { shellWord } from '../../src/cli/command-name.ts'
import { childrenOf, hasEnded, signalAll } from './processes.ts'
import { until } from './until.ts'

/** Only a test that fails waits that long. */
export const PATIENCE_MS = 300_000

export interface Pty {
  /** Everything on the screen so far, without colours and other sequences, one line break a line. */
  screen(): string
  /** The same as it was written. */
  raw(): string
  type(text: string): void
  /** Waits for a text on the screen; what comes after it in its line may still be missing. */
  shows(text: string | RegExp): Promise<void>
  readonly ended: Promise<number | null>
}

/** Runs it 80 columns wide. Ends with the test. */
export function onTerminal(
  t: { teardown(action: () => unknown): unknown },
  command: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Pty {
  const line = `stty cols 80 rows 24; exec ${command.map(shellWord).join(' ')}`
  const { NODE_OPTIONS: _options, NO_COLOR: _colour, ...rest } = process.env
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', line, '/dev/null'], {
    cwd,
    env: { ...rest, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let raw = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    // The command itself: script(1) would leave it behind, and a shell that loses its terminal writes its history.
    if (child.pid !== undefined && !hasEnded(child)) {
      const commands = childrenOf(child.pid)
      signalAll(commands.length > 0 ? commands : [child.pid], 'SIGKILL')
    }
    child.stdin.end()
    await ended
  })
  const screen = () => raw.replace(/\u001b\[[\d;?]*[A-Za-z]/g, '').replaceAll('\r', '')
  return {
    screen,
    raw: () => raw,
    type: (text) => void child.stdin.write(text),
    shows: (text) =>
      until(
        () => (typeof text === 'string' ? screen().includes(text) : text.test(screen())),
        `${text} on the screen`,
        PATIENCE_MS,
      ).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : error}; it shows:\n${screen()}`)
      }),
    ended,
  }
}
