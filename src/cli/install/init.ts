import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { starterConfig } from '../../config/starter.ts'
import { copyTemplates, schemaText, starterFiles } from '../../install/starter-files.ts'
import { CommandError, print, type Terminal } from '../terminal.ts'

/** `hookbridge init`: writes what a new user starts from. Never touches a file that is there already. */
export function init(terminal: Terminal, folder: string): void {
  const files = starterFiles(folder)
  const present = Object.values(files).filter((path) => existsSync(path))
  if (present.length > 0) {
    const names = present.map((path) => shown(terminal, path)).join(', ')
    throw new CommandError(
      `${names} already there; nothing was written. Move it away, or name another folder`,
    )
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(files.config, starterConfig(), { mode: 0o640 })
  writeFileSync(files.schema, schemaText())
  copyTemplates(files.templates)
  print(
    terminal,
    [
      `wrote ${shown(terminal, files.config)}, ${shown(terminal, files.schema)} (for editors) and ${shown(terminal, files.templates)}/`,
      '',
      'Next:',
      '  1. set the variables that config.yaml names: CUURO_WEBHOOK_SECRET, SLACK_BOT_TOKEN, SMTP_URL',
      '  2. hookbridge check      tells what is wrong, with line and column',
      '  3. hookbridge serve      runs the service',
      '  4. hookbridge send --type analysis.completed     sends it an event',
    ].join('\n'),
  )
}

function shown(terminal: Terminal, path: string): string {
  return relative(terminal.cwd, path) || path
}
