/** Candidates for the last word of a command line, from commander's definitions of the commands. */
import type { Argument, Command, Option } from 'commander'
import { states } from '../../core/delivery/delivery.ts'

export interface Candidate {
  readonly value: string
  /** The description, for shells that show it. */
  readonly about: string
}

export type Completion =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  /** The shell completes file names itself. */
  | { readonly kind: 'files' }

/** Names that only the configuration, or the package, has. */
export type NameKind = 'receiver' | 'source' | 'channel' | 'type'

export type NamesOf = (kind: NameKind) => Promise<readonly string[]>

/** `words`: those after the program's name, the last of which is being typed. */
export async function complete(
  program: Command,
  words: readonly string[],
  names: NamesOf,
): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const { command, open, positionals } = walk(program, words.slice(0, -1))
  const options = [...command.options, ...program.options].filter(({ hidden }) => !hidden)
  if (open !== undefined) return valuesOf(open, current, names)
  const [name = '', typed] = current.split(/=(.*)/s)
  const equals = options.find(({ long, required }) => long === name && required)
  if (typed !== undefined && equals !== undefined) {
    const values = await valuesOf(equals, typed, names)
    if (values.kind === 'files') return values
    return fitting(
      values.candidates.map(({ value, about }) => ({ value: `${name}=${value}`, about })),
      current,
    )
  }
  if (current.startsWith('-')) {
    const flags = options.map(({ long, description }) => ({ value: long ?? '', about: description }))
    return fitting([...flags, { value: '--help', about: 'what the command does' }], current)
  }
  const commands = command.createHelp().visibleCommands(command)
  const below =
    positionals > 0 ? [] : commands.map((one) => ({ value: one.name(), about: one.description() }))
  const argument = command.registeredArguments[positionals] ?? variadicOf(command)
  const values = argument === undefined ? noWords : await valuesOf(argument, current, names)
  if (values.kind === 'files') return values
  return fitting([...below, ...values.candidates], current)
}

const noWords: Completion = { kind: 'words', candidates: [] }

interface Place {
  readonly command: Command
  /** An option whose value comes next. */
  readonly open: Option | undefined
  readonly positionals: number
}

/** What the words before the last one mean. */
function walk(program: Command, words: readonly string[]): Place {
  let command = program
  let open: Option | undefined
  let positionals = 0
  for (const word of words) {
    if (open !== undefined) {
      open = undefined
      continue
    }
    if (word.startsWith('-')) {
      const found = [...command.options, ...program.options].find(
        ({ long, short }) => word === long || word === short,
      )
      open = found?.required ? found : undefined
      continue
    }
    const below = positionals === 0 ? command.commands.find((one) => one.name() === word) : undefined
    if (below === undefined) positionals += 1
    else command = below
  }
  return { command, open, positionals }
}

function variadicOf({ registeredArguments }: Command): Argument | undefined {
  const last = registeredArguments.at(-1)
  return last?.variadic ? last : undefined
}

// By the name of an option or an argument.
const FILES = ['config', 'file', 'html', 'folder', 'event']

async function valuesOf(of: Option | Argument, current: string, names: NamesOf): Promise<Completion> {
  const name = 'attributeName' in of ? of.attributeName() : of.name()
  if (FILES.includes(name)) return { kind: 'files' }
  if (name === 'state') return listOf(states, current)
  const known = of.argChoices ?? (await knownOf(name, names))
  return fitting(
    known.map((value) => ({ value, about: '' })),
    current,
  )
}

async function knownOf(name: string, names: NamesOf): Promise<readonly string[]> {
  switch (name) {
    case 'receiver':
    case 'source':
    case 'channel':
    case 'type':
      return names(name)
    default:
      return []
  }
}

/** Values separated by commas, the last of which is being typed. */
function listOf(values: readonly string[], current: string): Completion {
  const before = current.slice(0, current.lastIndexOf(',') + 1)
  return fitting(
    values.map((value) => ({ value: `${before}${value}`, about: '' })),
    current,
  )
}

function fitting(candidates: readonly Candidate[], current: string): Completion {
  return { kind: 'words', candidates: candidates.filter(({ value }) => value.startsWith(current)) }
}
