/** `hookbridge completion SHELL`, and the hidden command from which the shell gets the candidates. */
import { Argument, type Command } from 'commander'
import { type Context, type Define, fromHere } from '../context.ts'
import { print } from '../terminal/terminal.ts'
import { complete } from './candidates.ts'
import { type Shell, scriptFor, shells } from './scripts.ts'

export const defineCompletion: Define = (command, { terminal }) => {
  command
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', help)
    .action((shell: Shell) => void terminal.out.write(scriptFor(shell)))
}

export const defineComplete: Define = (command, context) => {
  command
    .argument('[words...]')
    .action((words: readonly string[]) =>
      printCandidates(command.parent ?? command, context, separated(words)),
    )
}

const help = `
bash: echo 'source <(hookbridge completion bash)' >> ~/.bashrc
zsh:  echo 'source <(hookbridge completion zsh)' >> ~/.zshrc, after compinit
fish: hookbridge completion fish > ~/.config/fish/completions/hookbridge.fish`

/** A line for each candidate: the word, a tab, and its description. Or `:files`, if the shell should complete a file name. */
async function printCandidates(
  hookbridge: Command,
  context: Context,
  words: readonly string[],
): Promise<void> {
  const found = await complete(hookbridge, words, async (kind) => {
    const { namesOf } = await import('./names.ts')
    return namesOf(kind, file(context, words))
  })
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

/** The configuration that the command line names, or the usual one. */
function file(context: Context, words: readonly string[]): string {
  const at = words.indexOf('--config')
  const named = at === -1 ? undefined : words[at + 1]
  return named ? fromHere(context, named) : context.file()
}
