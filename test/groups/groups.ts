import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const TEST_FOLDER = fileURLToPath(new URL('..', import.meta.url))

/**
 * What `npm test` runs in one process each: for NAME the files and folders of test/ that are listed here for it,
 * but for what is listed by a longer path elsewhere. To start a process, and to load and compile the product in it, takes
 * more CPU than most test files do. The longest come first, so that all processors are busy to the end.
 */
const groups = {
  app: ['app', 'http', 'monitoring', 'telemetry'],
  channels: ['channels'],
  pipeline: ['pipeline'],
  cli: ['cli'],
  history: ['cli/actions', 'cli/history', 'cli/service'],
  lifecycles: ['enrich', 'lifecycles'],
  // Everything else.
  others: [''],
  config: ['config', 'core'],
  store: ['store'],
  // The system's certificates are read once in a process, and each of these two files has its own.
  connections: ['network/connections.test.ts'],
  'mail-certificates': ['network/mail-certificates.test.ts'],
} as const

export type Group = keyof typeof groups

export const groupNames = Object.keys(groups) as readonly Group[]

/** The paths, from test/, of the test files of a group. */
export function filesOf(group: Group): readonly string[] {
  return allTestFiles().filter((file) => groupOf(file) === group)
}

export function allTestFiles(): readonly string[] {
  return globSync('**/*.test.ts', { cwd: TEST_FOLDER }).toSorted()
}

function groupOf(file: string): Group {
  const matching = groupNames.flatMap((name) =>
    groups[name].filter((path) => isIn(file, path)).map((path) => ({ name, length: path.length })),
  )
  return matching.reduce((one, other) => (other.length > one.length ? other : one)).name
}

function isIn(file: string, path: string): boolean {
  return path === '' || path === file || file.startsWith(`${path}/`)
}
