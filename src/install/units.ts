/** The unit files as shipped, with the paths of this machine, and a mark by which an update recognises them. */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'

export const unitNames = ['hookbridge.service', 'hookbridge.socket'] as const

export type UnitName = (typeof unitNames)[number]

/** The state of a unit file on the machine: `ours` has not been changed since it was written. */
export type FoundUnit = { readonly as: 'none' | 'foreign' } | { readonly as: 'ours'; readonly text: string }

const MARK = '# sha256 of the rest: '

/** How the packaged units call the program. */
const PROGRAM = /^(Exec\w+=)\/usr\/local\/bin\/hookbridge\b/gm
const DESCRIPTION = /^Description=.*/m

export function unitFile({ units }: Machine, name: UnitName): string {
  return join(units, name)
}

export function unitText({ product, node }: Machine, name: UnitName): string {
  const packaged = readFileSync(join(product.folder, 'packaging', name), 'utf8')
  const program = `${quoted(node.path)} ${quoted(product.program)}`
  const page = join(product.folder, 'docs/systemd.md')
  const rest = packaged
    .replaceAll(PROGRAM, (_, start: string) => `${start}${program}`)
    .replace(DESCRIPTION, (line) => `${line}\nDocumentation=file:${quoted(page)}`)
  return `${head(name)}${MARK}${digest(rest)}\n${rest}`
}

export function foundUnit(machine: Machine, name: UnitName): FoundUnit {
  const file = unitFile(machine, name)
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return { as: 'none' }
  const text = stat.isFile() ? readFileSync(file, 'utf8') : ''
  const [, before, mark, rest] = /^((?:# .*\n)*?)# sha256 of the rest: (\w+)\n([\s\S]*)$/.exec(text) ?? []
  return before !== undefined && mark === digest(rest ?? '') ? { as: 'ours', text } : { as: 'foreign' }
}

function head(name: UnitName): string {
  return `# Written by "hookbridge install-service", which replaces it at an upgrade. To change it, leave it as\n# it is and put what differs into a drop-in: systemctl edit ${name}\n`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Splits a command line like systemd.service(5). */
function quoted(path: string): string {
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')
  return /[\s"'\\;]/.test(path) ? `"${escaped}"` : escaped
}
