import { writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { socketFits } from '../../config/checks/paths.ts'
import { answeredConfig, type CredentialName, credentialFiles, starterConfig } from '../../config/starter.ts'
import { makeFolders } from '../../files/folders.ts'
import { isThere } from '../../files/presence.ts'
import { copyTemplates, schemaText, starterFiles } from '../../install/starter-files.ts'
import { shellWord } from '../command-name.ts'
import { type Context, type Define, fromHere } from '../context.ts'
import { writing } from '../named-file.ts'
import { canAsk } from '../terminal/ask.ts'
import { CommandError, print, type Terminal } from '../terminal/terminal.ts'
import type { Interview } from './interview.ts'

export const defineInit: Define = (command, context) => {
  command
    .argument('[folder]', 'where to write them (default: the current folder)')
    .option('--yes', 'ask nothing, and write a config.yaml with comments to edit')
    .action((folder: string | undefined, flags: { readonly yes?: boolean }) =>
      init(context, fromHere(context, folder ?? '.'), flags.yes === true),
    )
}

/** Never changes an existing file. */
async function init({ terminal }: Context, folder: string, yes: boolean): Promise<void> {
  const asks = !yes && canAsk(terminal)
  const files = starterFiles(folder)
  const secrets = Object.values(credentialFiles).map((name) => join(folder, name))
  refuseExisting(terminal, [...Object.values(files), ...(asks ? secrets : [])])
  const answers = asks ? await (await import('./interview.ts')).interview(terminal) : null
  writing(files.config, () => makeFolders(folder))
  write(files.config, configText(answers, files.config), 0o640)
  write(files.schema, schemaText(), 0o644)
  copyTemplates(files.templates)
  if (answers !== null) writeSecrets(folder, answers.secrets)
  const steps = [...firstSteps(terminal, folder, answers), ...commands(terminal, folder)]
  print(
    terminal,
    [
      `wrote ${shown(terminal, files.config)}`,
      `wrote ${shown(terminal, files.schema)} (for editors)`,
      `wrote ${shown(terminal, files.templates)}/`,
      ...[...(answers?.secrets.keys() ?? [])].map(
        (name) => `wrote ${shown(terminal, join(folder, credentialFiles[name]))} (only you can read it)`,
      ),
      '',
      'Next:',
      ...steps.map(([about, command], at) =>
        command === '' ? `  ${at + 1}. ${about}` : `  ${at + 1}. ${about}:\n     ${command}`,
      ),
    ].join('\n'),
  )
}

function refuseExisting(terminal: Terminal, paths: readonly string[]): void {
  const present = paths.filter((path) => writing(path, () => isThere(path)))
  if (present.length === 0) return
  const names = present.map((path) => shown(terminal, path)).join(', ')
  throw new CommandError(
    `${names} already ${present.length === 1 ? 'exists' : 'exist'}; nothing was written. Choose another folder, or move what is there`,
  )
}

function configText(answers: Interview | null, file: string): string {
  const text = answers === null ? starterConfig() : answeredConfig(answers.destinations)
  return socketFits(file) ? text : text.replace(/^ {2}(?=admin_socket:)/m, '  # ')
}

function writeSecrets(folder: string, secrets: ReadonlyMap<CredentialName, string>): void {
  makeFolders(join(folder, dirname(credentialFiles.cuuro)), 0o700)
  for (const [name, secret] of secrets) write(join(folder, credentialFiles[name]), `${secret}\n`, 0o600)
}

/** Fails if the file has been created meanwhile. */
function write(file: string, text: string, mode: number): void {
  writing(file, () => writeFileSync(file, text, { mode, flag: 'wx' }))
}

type NextStep = readonly [about: string, command: string]

/** Secrets that still have to be stored where the configuration refers to them. */
function firstSteps(terminal: Terminal, folder: string, answers: Interview | null): NextStep[] {
  if (answers === null) {
    const variables = ['CUURO_WEBHOOK_SECRET', 'SLACK_BOT_TOKEN', 'SMTP_URL']
    return [[`Set the environment variables that config.yaml names: ${variables.join(', ')}`, '']]
  }
  if (answers.secrets.has('cuuro')) return []
  const file = shown(terminal, join(folder, credentialFiles.cuuro))
  const about = 'Put the signing secret into its file: paste it, then press Enter and Ctrl-D'
  return [[about, `install -m 600 /dev/stdin ${shellWord(file)}`]]
}

/** The commands to run next, in a form that can be copied. */
function commands(terminal: Terminal, folder: string): NextStep[] {
  const { command, cwd, env } = terminal
  const { config } = starterFiles(folder)
  // The file that commands read without the option.
  const usual = resolve(cwd, env.HOOKBRIDGE_CONFIG || 'config.yaml')
  const ofConfig = usual === config ? '' : ` --config ${shellWord(shown(terminal, config))}`
  return [
    ['Check the configuration', `${command} check${ofConfig}`],
    ['Ask Slack and the mail server whether messages would arrive', `${command} doctor${ofConfig}`],
    ['Run the service', `${command} serve${ofConfig}`],
    [
      'In another terminal, send it an event, and see whether the messages arrive',
      `${command} send --type analysis.completed --wait${ofConfig}`,
    ],
  ]
}

function shown({ cwd }: Terminal, path: string): string {
  const fromHere = relative(cwd, path)
  return fromHere.startsWith('..') ? path : fromHere
}
