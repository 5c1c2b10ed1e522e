/** A `systemd-notify` that writes down how it was called, in place of the one that speaks to a manager. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './service.ts'

export interface StandIn {
  /** For $PATH. */
  readonly path: string
  /** The arguments of every call that ended, separated by "|". */
  calls(): string[]
  /** What the calls found in their environment. */
  environment(): string
  /** Until `release`, calls do not end. */
  hold(): void
  release(): void
}

/** `end` is shell script that each call runs last. */
export function standIn(t: { teardown(action: () => void): unknown }, end = 'exit 0'): StandIn {
  const folder = temporaryFolder(t)
  const held = join(folder, 'held')
  writeFileSync(
    join(folder, 'systemd-notify'),
    `#!/bin/sh
cd "${folder}"
mkdir running || echo "two at once" >>calls
env >environment
while [ -e held ]; do sleep 0.01; done
(IFS='|'; printf '%s\\n' "$*" >>calls)
rmdir running
${end}
`,
    { mode: 0o755 },
  )
  const read = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''
  return {
    path: `${folder}:/usr/bin:/bin`,
    calls: () => read('calls').split('\n').slice(0, -1),
    environment: () => read('environment'),
    hold: () => writeFileSync(held, ''),
    release: () => rmSync(held, { force: true }),
  }
}
