/** The reference of the configuration in Markdown, made from its JSON schema. */
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { isObject, type Json, type JsonObject } from '../../core/json/json.ts'

/** A part of the schema with a heading of its own. */
interface Section {
  readonly title: string
  /** A key at the top, one within it, or a definition that several keys refer to. */
  readonly kind: 'key' | 'nested' | 'definition'
  readonly schema: JsonObject
}

interface Row {
  readonly key: string
  readonly schema: JsonObject
  readonly required: boolean
  /** The title of the section with more about it. */
  readonly section: string | null
}

const PREFACE = [
  'This page describes every key of `config.yaml`. [config.example.yaml](../config.example.yaml) shows all of them in one file.',
  '`hookbridge check` reports mistakes, including unknown keys, with line and column. With ' +
    '[config.schema.json](../config.schema.json), an editor with a YAML language server completes keys and shows their ' +
    'descriptions.',
  'Any text, number, true or false can also come from an [environment variable](#variable), and any text from a [file](#file).',
  '`hookbridge schema --markdown` generates this page.',
]

// Described once, and allowed nearly everywhere.
const everywhere = ['#/$defs/variable', '#/$defs/file']

/** Takes the schema as `jsonSchema` makes it. The same schema gives the same text. */
export function configReference(schema: JsonObject): string {
  const definitions = toObject(schema.$defs)
  const keys = rowsOf(schema, '').map((row) => ({
    ...row,
    section: ['object', 'array'].includes(textOf(row.schema.type)) ? row.key : null,
  }))
  const sections = [
    ...keys.flatMap(({ key, schema, section }) => (section === null ? [] : sectionsOf(key, schema, 'key'))),
    ...Object.entries(definitions).map(([title, definition]): Section => {
      return { title, kind: 'definition', schema: toObject(definition) }
    }),
  ]
  const blocks = [
    '# Configuration',
    ...PREFACE,
    '## Keys',
    table(keys, definitions),
    ...sections.flatMap((section) => [
      `${section.kind === 'nested' ? '###' : '##'} \`${section.title}\``,
      ...body(section, definitions),
    ]),
  ]
  return `${blocks.join('\n\n')}\n`
}

function sectionsOf(title: string, schema: JsonObject, kind: Section['kind']): Section[] {
  const nested = [...rowsOf(schema, title), ...itemRows(schema, title)]
  return [
    { title, kind, schema },
    ...nested.flatMap(({ schema, section }) =>
      section === null ? [] : sectionsOf(section, schema, 'nested'),
    ),
  ]
}

/** The content below a heading. */
function body(section: Section, definitions: JsonObject): string[] {
  const { title, schema } = section
  const rows = rowsOf(schema, title)
  const [items] = itemRows(schema, title)
  const kind = typeOf(schema, items?.section ?? null)
  return [
    prose(textOf(schema.description)),
    rows.length > 0 ? table(rows, definitions) : kind === 'text' ? '' : `${kind.replace(/^[a-z]/, capital)}.`,
    exampleBlock(section),
  ].filter((block) => block !== '')
}

function rowsOf(
  { properties, patternProperties, additionalProperties, required }: JsonObject,
  title: string,
): Row[] {
  const names = Array.isArray(required) ? required : []
  const row = (key: string, schema: JsonObject): Row => ({
    key,
    schema,
    required: names.includes(key),
    section: hasSection(schema) ? [title, key].filter((part) => part !== '').join('.') : null,
  })
  const values = toObject(additionalProperties)
  return [
    ...Object.entries(toObject(properties)).map(([key, schema]) => row(key, toObject(schema))),
    ...Object.values(toObject(patternProperties)).map((schema) =>
      row(textOf(toObject(schema).title), toObject(schema)),
    ),
    ...(Object.keys(values).length > 0 ? [row('NAME', values)] : []),
  ]
}

/** The mappings that a list consists of. */
function itemRows({ items }: JsonObject, title: string): Row[] {
  const schema = toObject(items)
  return hasSection(schema) ? [{ key: '', schema, required: false, section: `${title}[N]` }] : []
}

function hasSection(schema: JsonObject): boolean {
  const { properties, additionalProperties, items } = schema
  if (Object.keys(toObject(properties)).length > 0) return true
  return [additionalProperties, items].some((child) => hasSectionOfOwn(toObject(child)))
}

function hasSectionOfOwn(schema: JsonObject): boolean {
  return schema.properties !== undefined && hasSection(schema)
}

function table(rows: readonly Row[], definitions: JsonObject): string {
  const cells = rows.map((row) => [
    row.key.split(', ').map(code).join(', '),
    typeOf(row.schema, row.section),
    row.required ? 'required' : defaultOf(row.schema),
    purpose(row, definitions),
  ])
  const titles = ['Key', 'Value', 'Default', 'Description']
  const used = titles.map((_, column) => column !== 2 || cells.some((row) => row[column] !== ''))
  return [titles, titles.map(() => '---'), ...cells]
    .map((row) => row.filter((_, column) => used[column]).map((cell) => cell.replaceAll('|', '\\|')))
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}

/** The description of a key, else of the definition that it refers to. */
function purpose({ schema, section }: Row, definitions: JsonObject): string {
  const referred = toObject(definitions[definitionOf(schema)])
  const text = prose(textOf(schema.description) || textOf(referred.description))
  // A section shows its examples itself.
  const examples = toList(schema.examples).filter((value) => !isDeepStrictEqual(value, schema.default))
  if (section !== null || examples.length === 0) return text
  return `${text} For example ${or(examples.map((value) => code(flow(value))))}.`
}

/** The allowed values, in words. */
function typeOf(schema: JsonObject, section: string | null): string {
  const { $ref, anyOf, type, enum: values, const: only, items } = schema
  if ($ref !== undefined) return link(definitionOf(schema))
  if (Array.isArray(anyOf)) {
    const choices = anyOf.map(toObject).filter(({ $ref }) => !everywhere.includes(textOf($ref)))
    const words = new Set(choices.map((choice) => typeOf(choice, section)))
    return or([...words]) + (schema.writeOnly === true ? ', a secret' : '')
  }
  if (only !== undefined) return code(flow(only))
  if (Array.isArray(values)) return or(values.map((value) => code(flow(value))))
  if (Array.isArray(type)) return or(type.flatMap((one) => scalar({ type: one }).split(' or ')))
  if (type === 'array') return `list of ${typeOf(toObject(items), section)}`
  if (type === 'object') return mapping(schema, section)
  return scalar(schema)
}

function mapping({ additionalProperties }: JsonObject, section: string | null): string {
  if (section !== null) return link(section, 'mapping')
  const values = toObject(additionalProperties)
  return Object.keys(values).length === 0 ? 'mapping' : `mapping of names to ${typeOf(values, null)}`
}

function scalar({ type, minimum, maximum }: JsonObject): string {
  if (type === 'string') return 'text'
  if (type === 'boolean') return 'true or false'
  if (type === 'null') return 'null'
  if (type === 'number') return 'number'
  if (type === 'integer') return `whole number${minimum === undefined ? '' : `, ${minimum} to ${maximum}`}`
  return 'anything'
}

function defaultOf({ default: preset }: JsonObject): string {
  return preset === undefined || isObject(preset) ? '' : code(flow(preset))
}

/** The example of a key as in a file; those of a definition one by one. A nested key's are in its row. */
function exampleBlock({ title, kind, schema }: Section): string {
  const examples = toList(schema.examples)
  if (kind === 'nested' || examples.length === 0) return ''
  if (kind === 'definition') return examples.map((value) => `- ${code(flow(value))}`).join('\n')
  return `\`\`\`yaml\n${stringify({ [title]: examples[0] }, { lineWidth: 0 })}\`\`\``
}

/** A value in YAML, on one line. */
function flow(value: Json): string {
  return stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trimEnd()
}

function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

/** A link to a heading of this page; GitHub makes its anchor so. */
function link(title: string, text = title): string {
  return `[${text}](#${title.toLowerCase().replaceAll(/[^\w-]/g, '')})`
}

function or(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}

function capital(letter: string): string {
  return letter.toUpperCase()
}

/** Escapes characters that Markdown would interpret, but not in backticks. */
function prose(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll(/[*<]/g, '\\$&')))
    .join('')
}

function definitionOf({ $ref }: JsonObject): string {
  return textOf($ref).replace('#/$defs/', '')
}

function toObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function toList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
