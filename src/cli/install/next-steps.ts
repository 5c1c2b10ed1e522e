/** What to do after the service was installed or removed. */
import { join } from 'node:path'
import { loadConfig } from '../../config/load.ts'
import { credentialFiles } from '../../config/starter.ts'
import { isThere } from '../../files/presence.ts'
import { whyClosed } from '../../install/access.ts'
import type { Machine } from '../../install/machine.ts'
import { starterFiles } from '../../install/starter-files.ts'
import { unitNames } from '../../install/units.ts'

/** The folder that systemd made for the service; with DynamicUser it is below /var/lib/private. */
const made = ['/var/lib', '/var/cache'].flatMap((folder) => [
  join(folder, 'hookbridge'),
  join(folder, 'private/hookbridge'),
])

/** Depends on the state of the machine: missing secrets, a bad configuration, a running service. */
export function whatIsNext(machine: Machine, command: string): string[] {
  const { config } = starterFiles(machine.home)
  const steps = [
    ...secretsToPut(machine),
    ...closed(machine),
    `${command} check --config ${config}`,
    ...toStart(machine),
    'journalctl -u hookbridge -f    shows its log',
  ]
  return [
    'Next:',
    ...steps.flatMap((step, at) => {
      const [first = '', ...rest] = step.split('\n')
      return [`  ${at + 1}. ${first}`, ...rest.map((line) => `     ${line}`)]
    }),
  ]
}

export function whatStays({ home, units }: Machine): string[] {
  const dropIns = unitNames.map((name) => join(units, `${name}.d`))
  const kept = [home, ...made, ...dropIns].filter((path) => isThere(path))
  if (kept.length === 0) return ['Nothing of it is left.']
  return [
    'The configuration, the secrets and the events are still there. This deletes them:',
    `  rm -r ${kept.join(' \\\n        ')}`,
  ]
}

function secretsToPut({ home }: Machine): string[] {
  const missing = missingCredentials(home)
  if (missing.length === 0) return []
  return [
    [
      'Put each secret into its file: paste it, then press Enter and Ctrl-D.',
      ...missing.map((file) => `install -m 600 /dev/stdin ${file}`),
    ].join('\n'),
  ]
}

/** Only those that the generated configuration names: another one may keep its secrets elsewhere. */
function missingCredentials(home: string): string[] {
  const loaded = loadConfig(starterFiles(home).config, {})
  if (loaded.ok) return []
  const unreadable = loaded.problems.filter(({ code }) => code === 'unreadable_file')
  return Object.values(credentialFiles)
    .filter((file) => unreadable.some(({ message }) => message.includes(file)))
    .map((file) => join(home, file))
}

/** Files in an existing folder that the service, which is not root, cannot read. */
function closed({ home }: Machine): string[] {
  const { config, templates } = starterFiles(home)
  const reasons = [
    [config, whyClosed(config, 'read')],
    [templates, isThere(templates) ? whyClosed(templates, 'enter') : undefined],
  ]
  return reasons.flatMap(([path, reason]) =>
    reason === undefined ? [] : [`Let the service read ${path}: it ${reason}.`],
  )
}

function toStart({ ask }: Machine): string[] {
  const runs = ask('is-active', 'hookbridge.service').trim() === 'active'
  const isEnabled = ask('is-enabled', ...unitNames)
    .trim()
    .split('\n')
    .every((state) => state === 'enabled')
  return [
    runs ? 'systemctl restart hookbridge    makes it run this version' : 'systemctl start hookbridge',
    ...(isEnabled ? [] : [`systemctl enable ${unitNames.join(' ')}    starts it at each boot`]),
  ]
}
