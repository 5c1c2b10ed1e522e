/** Reads template folders as the configuration's loader does, for tests of one channel alone. */
import { readdirSync, readFileSync } from 'node:fs'
import { isMap, LineCounter, parseDocument } from 'yaml'
import type { Channel, TemplateFile, TemplateFiles, YamlValue } from '../../src/channels/channel.ts'
import type { Partials } from '../../src/core/template/partials.ts'

const templates = new URL('../../templates/', import.meta.url)

export const shippedTemplates = [
  'analysis.created',
  'analysis.completed',
  'startup.created',
  'default',
] as const

/** The files of one shipped template that a channel reads. */
export function readTemplate(
  name: string,
  channel: Pick<Channel, 'templateFiles' | 'sharedFiles'>,
): TemplateFiles {
  const folder = new URL(`${name}/`, templates)
  const own = readAll(folder, channel.templateFiles, `templates/${name}/`)
  const shared = readAll(templates, channel.sharedFiles ?? [], 'templates/')
  return { files: new Map([...own, ...shared]), partials: shippedPartials() }
}

function shippedPartials(): Partials {
  const names = readdirSync(templates).flatMap((file) => /^_(.+)\.liquid$/.exec(file)?.[1] ?? [])
  return new Map(
    names.map((name) => {
      const path = `templates/_${name}.liquid`
      const text = readFileSync(new URL(`_${name}.liquid`, templates), 'utf8').replace(/\n$/, '')
      return [name, { path, text }]
    }),
  )
}

function readAll(folder: URL, names: readonly string[], prefix: string): [string, TemplateFile][] {
  const present = new Set(readdirSync(folder))
  return names
    .filter((name) => present.has(name))
    .map((name) => [name, templateFile(prefix + name, readFileSync(new URL(name, folder), 'utf8'))])
}

/** One file from its text. */
export function templateFile(path: string, text: string): TemplateFile {
  if (path.endsWith('.yaml')) return { path, text, yaml: yamlValue(text, 0), body: '', bodyLine: 1 }
  const [whole, front] = /^---\n([\s\S]*?)\n---\n/.exec(text) ?? ['', undefined]
  return {
    path,
    text,
    yaml: front === undefined ? null : yamlValue(front, 1),
    body: text.slice(whole.length),
    bodyLine: whole.split('\n').length,
  }
}

function yamlValue(text: string, linesBefore: number): YamlValue {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  return {
    value: document.toJS(),
    keyAt(path) {
      const mapping: unknown = document.getIn(path.slice(0, -1), true)
      const pair = isMap(mapping) ? mapping.items.find(({ key }) => String(key) === path.at(-1)) : undefined
      const { line, col } = lineCounter.linePos(hasRange(pair?.key) ? (pair.key.range[0] ?? 0) : 0)
      return { line: line + linesBefore, column: col }
    },
    at(path) {
      const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true)
      const range = hasRange(node) ? node.range : undefined
      const { line, col } = lineCounter.linePos(range?.[0] ?? 0)
      const block = isBlockScalar(node) ? 1 : 0
      return { line: line + block + linesBefore, column: block === 1 ? 1 : col }
    },
  }
}

function hasRange(node: unknown): node is { range: readonly number[] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
}

function isBlockScalar(node: unknown): boolean {
  return (
    typeof node === 'object' &&
    node !== null &&
    'type' in node &&
    (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')
  )
}
