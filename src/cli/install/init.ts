import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { starterConfig } from '../../config/starter.ts'
import { copyTemplates, schemaText, starterFiles } from '../../install/starter-files.ts'
import { shellWord } from '../command-name.ts'
import { CommandError, print, type Terminal } from '../terminal.ts'

/** `hookbridge init`: writes a first configuration and its templates. Never changes a file that exists. */
export function init(terminal: Terminal, folder: string): void {
  const files = starterFiles(folder)
  const present = Object.values(files).filter((path) => existsSync(path))
  if (present.length > 0) {
    const names = present.map((path) => shown(terminal, path)).join(', ')
    throw new CommandError(
      `${names} already ${present.length === 1 ? 'exists' : 'exist'}; nothing was written. Choose another folder, or move what is there`,
    )
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(files.config, starterConfig(), { mode: 0o640 })
  writeFileSync(files.schema, schemaText())
  copyTemplates(files.templates)
  const variables = ['CUURO_WEBHOOK_SECRET', 'SLACK_BOT_TOKEN', 'SMTP_URL']
  print(
    terminal,
    [
      `wrote ${shown(terminal, files.config)}, ${shown(terminal, files.schema)} (for editors) and ${shown(terminal, files.templates)}/`,
      '',
      'Next:',
      `  1. Set the environment variables that config.yaml names: ${variables.join(', ')}`,
      ...commands(terminal, folder).map(([about, command], at) => `  ${at + 2}. ${about}:\n     ${command}`),
    ].join('\n'),
  )
}

/** What to run next, each as it can be copied. */
function commands(terminal: Terminal, folder: string): (readonly [about: string, command: string])[] {
  const { command, cwd } = terminal
  const { config } = starterFiles(folder)
  const ofConfig = folder === cwd ? '' : ` --config ${shellWord(shown(terminal, config))}`
  return [
    ['Check the configuration', `${command} check${ofConfig}`],
    ['Run the service', `${command} serve${ofConfig}`],
    ['In another terminal, send it an event', `${command} send --type analysis.completed${ofConfig}`],
  ]
}

function shown({ cwd }: Terminal, path: string): string {
  const fromHere = relative(cwd, path)
  return fromHere.startsWith('..') ? path : fromHere
}
