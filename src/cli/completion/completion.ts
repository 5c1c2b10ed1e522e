/** `hookbridge completion SHELL`, and the hidden command by which the shell learns what may come next. */
import { Argument, type Command } from 'commander'
import { channels } from '../../channels/channels.ts'
import { cuuroTypes } from '../../config/checks/match/known-events.ts'
import { readDocument } from '../../config/file/document.ts'
import { isObject, ownProperty } from '../../core/json.ts'
import { type Context, fromHere, type Register } from '../context.ts'
import { print } from '../terminal.ts'
import { complete, type Names } from './candidates.ts'
import { type Shell, scriptFor, shells } from './scripts.ts'

export const registerCompletion: Register = (hookbridge, context) => {
  const { terminal } = context
  hookbridge
    .command('completion')
    .description('print what makes a shell complete the commands, for its start-up file')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(shells))
    .addHelpText('after', help)
    .action((shell: Shell) => void terminal.out.write(scriptFor(shell)))
  hookbridge
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action((words: readonly string[]) => printCandidates(hookbridge, context, separated(words)))
}

const help = `
bash: echo 'source <(hookbridge completion bash)' >> ~/.bashrc
zsh:  echo 'source <(hookbridge completion zsh)' >> ~/.zshrc, after compinit
fish: hookbridge completion fish > ~/.config/fish/completions/hookbridge.fish`

/** A line for each: the word, a tab, and its description. Or `:files`, for the shell to complete the name of a file. */
function printCandidates(hookbridge: Command, context: Context, words: readonly string[]): void {
  const found = complete(hookbridge, words, namesOf(context, words))
  if (found.kind === 'files') print(context.terminal, ':files')
  else for (const { value, about } of found.candidates) print(context.terminal, `${value}\t${about}`)
}

/** Options and values as words of their own. bash makes three words of `--state=parked`. */
function separated(words: readonly string[]): readonly string[] {
  const last = words.length - 1
  return words.flatMap((word, at) => {
    if (word === '=') return at === last ? [''] : []
    const [, option, value] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? []
    return at === last || option === undefined ? [word] : [option, value ?? '']
  })
}

function namesOf(context: Context, words: readonly string[]): Names {
  const at = words.indexOf('--config')
  const named = at === -1 ? undefined : words[at + 1]
  // What is wrong with the file does not matter here: what can be read of it is offered.
  const keysOf = (key: string) => () => {
    const read = readDocument(named ? fromHere(context, named) : context.file())
    const found = read.ok ? ownProperty(read.document.value, key) : undefined
    return isObject(found) ? Object.keys(found) : []
  }
  return {
    receivers: keysOf('receivers'),
    sources: keysOf('sources'),
    channels: () => channels.map(({ name }) => name),
    types: () => cuuroTypes,
  }
}
