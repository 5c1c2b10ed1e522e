/** A Debian with Node and the packed package in it, as an administrator has them before `install-service`. */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makeDebian } from '../support/debootstrap.ts'
import type { Machine } from './machine.ts'

export interface Prepared {
  /** The machine's root folder. */
  readonly root: string
  /** Runs documented commands: npm's here, on the machine's folders, and all others in the machine. */
  run(machine: Machine, script: string): Promise<string>
}

const exec = promisify(execFile)
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const PREFIX = '/usr/local'
/** Besides systemd only what Node links to. */
const packages = ['systemd', 'systemd-sysv', 'dbus', 'libatomic1', 'libstdc++6']

export async function prepare(t: { teardown(action: () => void): unknown }): Promise<Prepared> {
  const folder = mkdtempSync(join(tmpdir(), 'hookbridge-systemd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const root = join(folder, 'root')
  await Promise.all([
    makeDebian(root, packages),
    shell(`npm run --silent package -- --destination ${folder}`),
  ])
  copyFileSync(process.execPath, join(root, PREFIX, 'bin/node'))
  const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  return {
    root,
    async run(machine, script) {
      const lines = script.split('\n')
      const here = lines.filter((line) => line.startsWith('npm '))
      for (const line of here) {
        const there = line.replace(PREFIX, join(root, PREFIX)).replace(/\.\/\S+\.tgz/, join(folder, archive))
        await shell(`${there} --no-audit --no-fund --loglevel=error`)
      }
      return machine.output(lines.filter((line) => !here.includes(line)).join('\n'))
    },
  }
}

/** Without the hooks that the test runner gives to every Node it starts. */
async function shell(script: string): Promise<void> {
  await exec('sh', ['-c', `unset NODE_OPTIONS; umask 022; ${script}`], { cwd: checkout })
}
