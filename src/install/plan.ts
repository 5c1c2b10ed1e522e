/** The steps that install or remove the service, without those that are already done. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { starterConfig } from '../config/starter.ts'
import { isThere } from '../files/presence.ts'
import { whyClosed } from './access.ts'
import type { Machine } from './machine.ts'
import { copyTemplates, schemaText, starterFiles } from './starter-files.ts'
import { folder, remove, type Step, systemctl, write } from './step.ts'
import { foundUnit, unitFile, unitNames, unitText } from './units.ts'

export interface InstallPlan {
  /** Why it cannot be carried out: what is wrong, where, and how to fix it. */
  readonly problems: readonly string[]
  readonly steps: readonly Step[]
}

// systemd of Debian 12, the oldest on which this is tested.
const OLDEST_SYSTEMD = 252
const OLDEST_NODE = 24

export function planInstallation(machine: Machine): InstallPlan {
  const units = unitNames.map((name) => ({ name, found: foundUnit(machine, name) }))
  const writing = units.flatMap(({ name, found }) => {
    const before = found.as === 'ours' ? found.text : undefined
    return write(unitFile(machine, name), unitText(machine, name), before, /^(?:Exec|Listen)/)
  })
  // A unit that an administrator has disabled stays disabled in an upgrade.
  const fresh = units.filter(({ found }) => found.as === 'none').map(({ name }) => name)
  return {
    problems: [...unsuitable(machine), ...unreachable(machine), ...foreignUnits(machine)],
    steps: [
      ...configuration(machine),
      ...writing,
      ...(writing.length > 0 || isStale(machine) ? [systemctl(machine, 'daemon-reload')] : []),
      ...(fresh.length > 0 ? [systemctl(machine, 'enable', ...fresh)] : []),
    ],
  }
}

export function planRemoval(machine: Machine): InstallPlan {
  const there = unitNames.filter((name) => foundUnit(machine, name).as !== 'none')
  return {
    problems: [...unsuitable(machine), ...foreignUnits(machine)],
    steps:
      there.length === 0
        ? []
        : [
            // The socket first: a connection would start the service again.
            systemctl(machine, 'disable', '--now', ...[...there].reverse()),
            ...there.map((name) => remove(unitFile(machine, name))),
            systemctl(machine, 'daemon-reload'),
          ],
  }
}

/** Never changes existing files, except for the schema, which is generated. */
function configuration({ home }: Machine): Step[] {
  const files = starterFiles(home)
  const isNew = !isThere(files.config)
  const schema = isThere(files.schema) ? readFileSync(files.schema, 'utf8') : undefined
  return [
    ...(isThere(home) ? [] : folder(home, 0o755, 'the service reads it')),
    ...folder(join(home, 'credentials'), 0o700, 'secrets, for root alone'),
    ...(isNew ? write(files.config, starterConfig('service')) : []),
    ...(isNew || schema !== undefined ? write(files.schema, schemaText(), schema) : []),
    ...(isNew && !isThere(files.templates)
      ? [
          {
            verb: 'make',
            what: `${files.templates} (what messages look like)`,
            detail: [],
            apply: () => copyTemplates(files.templates),
          } as const,
        ]
      : []),
  ]
}

/** Whether systemd has loaded other versions of the units than those on disk. */
function isStale(machine: Machine): boolean {
  return machine.ask('show', '--property=NeedDaemonReload', ...unitNames).includes('=yes')
}

function unsuitable({ systemd }: Machine): string[] {
  if (systemd >= OLDEST_SYSTEMD) return []
  return systemd === 0
    ? [
        'systemd does not run here (there is no /run/systemd/system): let what runs the services of this machine run "hookbridge serve"',
      ]
    : [`systemd is ${systemd}, and the unit needs ${OLDEST_SYSTEMD} or newer, as in Debian 12`]
}

/** Whether the service, which has no privileges, can run the program. */
function unreachable({ node, product }: Machine): string[] {
  const closedNode = whyClosed(node.path, 'execute')
  const needed = [product.program, join(product.folder, 'templates/layout.html')]
  const [closed] = needed.flatMap((path) => {
    const reason = whyClosed(path, 'read')
    return reason === undefined ? [] : [`${path} ${reason}`]
  })
  return [
    ...(node.major < OLDEST_NODE
      ? [`Node ${node.major} runs this (${node.path}), and hookbridge needs ${OLDEST_NODE} or newer`]
      : []),
    ...(closedNode === undefined
      ? []
      : [
          `Node's binary ${node.path} ${closedNode}: install Node for all users, for example by: install -m 755 ${node.path} /usr/local/bin/node`,
        ]),
    ...(closed === undefined
      ? []
      : [
          `${closed}: install the package for all users, (umask 022; npm install -g --prefix /usr/local PACKAGE), and run /usr/local/bin/hookbridge install-service`,
        ]),
  ]
}

function foreignUnits(machine: Machine): string[] {
  return unitNames
    .filter((name) => foundUnit(machine, name).as === 'foreign')
    .map(
      (name) =>
        `${unitFile(machine, name)} was changed by hand, or is not from Hookbridge, so it was not replaced: put your changes into a drop-in (systemctl edit ${name}), move the file away, and run this again`,
    )
}
