/** Reads a folder of templates: a subfolder for each template, and shared files at the top. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TemplateFile } from '../../channels/channel.ts'
import { type Note, visibleNames } from '../file/fingerprint.ts'
import { parseYaml } from '../file/yaml.ts'
import { error as errorAt, formatProblem, type Problem, START } from '../problem.ts'

/** By file name; null for a file that cannot be read, which is reported separately. */
export type FilesByName = ReadonlyMap<string, TemplateFile | null>

export interface TemplateFolder {
  /** The path to show to the operator. */
  readonly shown: string
  readonly templates: ReadonlyMap<string, FilesByName>
  readonly shared: FilesByName
}

const LARGEST_FILE = 262_144

/** Parses the text of a file. Null if it is wrong, which is added to the problems. */
type ReadText = (shown: string, text: string, problems: Problem[]) => TemplateFile | null

/** The error's code, such as ENOENT. */
export interface UnreadFolder {
  readonly code: string
}

/** Reads every file that is not hidden; `shown`: the path to show to the operator. */
export function readTemplateFolder(
  folder: string,
  shown: string,
  problems: Problem[],
  note: Note,
  read: ReadText = parseTemplateFile,
): TemplateFolder | UnreadFolder {
  note(folder)
  const names = list(folder)
  if ('code' in names) return names
  const templates = new Map<string, FilesByName>()
  const shared = new Map<string, TemplateFile | null>()
  for (const name of names) {
    const path = join(folder, name)
    note(path)
    const within = list(path)
    if ('code' in within) {
      shared.set(
        name,
        isFolder(path)
          ? unreadable(join(shown, name), `the folder cannot be read (${within.code})`, problems)
          : readTemplateFile(path, join(shown, name), problems, read),
      )
      continue
    }
    const files = new Map<string, TemplateFile | null>()
    for (const inner of within) {
      note(join(path, inner))
      files.set(inner, readTemplateFile(join(path, inner), join(shown, name, inner), problems, read))
    }
    templates.set(name, files)
  }
  return { shown, templates, shared }
}

/** The visible names in a folder, sorted. */
function list(folder: string): string[] | UnreadFolder {
  try {
    return visibleNames(folder)
  } catch (error) {
    return { code: codeOf(error) }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

function readTemplateFile(
  path: string,
  shown: string,
  problems: Problem[],
  read: ReadText,
): TemplateFile | null {
  const text = readText(path, shown, problems)
  return text === null ? null : read(shown, text, problems)
}

function parseTemplateFile(shown: string, text: string, problems: Problem[]): TemplateFile | null {
  if (shown.endsWith('.yaml')) return withYaml(shown, text, text, 1, text, 1, problems)
  const front = shown.endsWith('.md') ? splitFrontMatter(text) : null
  if (front === null) return { path: shown, text, yaml: null, body: text, bodyLine: 1 }
  return withYaml(shown, text, front.yaml, 2, front.body, front.bodyLine, problems)
}

/** Parsed on first access, which throws if the file is wrong. */
export function unparsed(shown: string, text: string): TemplateFile {
  let made: TemplateFile | undefined
  const parsed = () => {
    const problems: Problem[] = []
    made ??= parseTemplateFile(shown, text, problems) ?? undefined
    if (made === undefined) throw new Error(problems.map(formatProblem).join('\n'))
    return made
  }
  return {
    path: shown,
    text,
    get yaml() {
      return parsed().yaml
    },
    get body() {
      return parsed().body
    },
    get bodyLine() {
      return parsed().bodyLine
    },
  }
}

function readText(path: string, shown: string, problems: Problem[]): string | null {
  try {
    const stats = statSync(path)
    if (!stats.isFile()) return report('is not a regular file', 'remove it, or put a file there')
    if (stats.size > LARGEST_FILE) return report('is larger than 256 kB', 'shorten it')
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return report('is not valid UTF-8', 'save it as UTF-8')
    return unreadable(shown, `the file cannot be read (${code})`, problems)
  }

  function report(reason: string, hint: string): null {
    problems.push(errorAt('unreadable_file', shown, START, `the file ${reason}`, hint))
    return null
  }
}

function unreadable(shown: string, message: string, problems: Problem[]): null {
  const hint = 'make it readable for the user of the service'
  problems.push(errorAt('unreadable_file', shown, START, message, hint))
  return null
}

/** The lines between a first line `---` and the next one. */
function splitFrontMatter(text: string): { yaml: string; body: string; bodyLine: number } | null {
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  const isFence = (line: string) => line.trimEnd() === '---'
  if (!isFence(lines[0] ?? '')) return null
  const end = lines.findIndex((line, index) => index > 0 && isFence(line))
  if (end === -1) return null
  return { yaml: lines.slice(1, end).join('\n'), body: lines.slice(end + 1).join('\n'), bodyLine: end + 2 }
}

function withYaml(
  path: string,
  text: string,
  yamlText: string,
  yamlLine: number,
  body: string,
  bodyLine: number,
  problems: Problem[],
): TemplateFile | null {
  const parsed = parseYaml(path, yamlText, yamlLine)
  if (parsed.ok) return { path, text, yaml: parsed.document, body, bodyLine }
  problems.push(...parsed.problems)
  return null
}
