/** docs/config.md is what the schema says, and a page that GitHub shows as it is meant. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import MarkdownIt from 'markdown-it'
import t from 'tap'
import { parse } from 'yaml'
import { jsonSchema } from '../../../src/config/schema/json-schema.ts'
import { configReference } from '../../../src/config/schema/reference.ts'
import { operators } from '../../../src/core/match/condition.ts'

const file = new URL('../../../docs/config.md', import.meta.url)
const page = configReference(jsonSchema())
const tokens = new MarkdownIt().parse(page, {})

/** The text of what follows each opening token of this type. */
function textsAfter(type: string): string[] {
  return tokens.flatMap((token, index) => (token.type === type ? [tokens[index + 1]?.content ?? ''] : []))
}

/** The anchor that GitHub gives a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}

t.test('docs/config.md is what the schema says; UPDATE_GOLDEN=1 writes it anew', async (t) => {
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, page)
  t.equal(readFileSync(file, 'utf8'), page)
  t.equal(configReference(jsonSchema()), page)
})

t.test('links lead to one heading each, or to a file', async (t) => {
  const anchors = textsAfter('heading_open').map(anchor)
  t.same(anchors, [...new Set(anchors)], 'no two headings have one anchor')
  const targets = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target ?? '')
  t.ok(targets.length > 30)
  for (const target of targets) {
    const found = target.startsWith('#')
      ? anchors.includes(target.slice(1))
      : existsSync(new URL(target, file))
    t.ok(found, target)
  }
})

t.test('tables are tables, and examples are YAML', async (t) => {
  const lines = page.split('\n').filter((line) => line.startsWith('|')).length
  const rows = tokens.filter(({ type }) => type === 'tr_open').length
  // A table's second line is its rule.
  t.equal(rows, lines - tokens.filter(({ type }) => type === 'table_open').length)
  for (const cell of textsAfter('th_open')) t.not(cell, '')
  const blocks = tokens.filter(({ type }) => type === 'fence')
  t.ok(blocks.length > 3)
  for (const { content, info } of blocks) {
    t.equal(info, 'yaml')
    t.equal(typeof parse(content), 'object')
  }
  t.notOk(
    tokens.some(({ children }) => children?.some(({ type }) => type === 'em_open' || type === 'html_inline')),
  )
})

t.test('every operator is there with what it does', async (t) => {
  const cells = textsAfter('td_open')
  for (const { name, description } of operators) {
    const at = cells.indexOf(`\`${name}\``, cells.indexOf('`in`'))
    t.ok(
      cells.slice(at, at + 3).some((cell) => cell.startsWith(description)),
      name,
    )
  }
})

t.test('a key that joins the schema joins the page', async (t) => {
  const made = configReference({
    type: 'object',
    properties: {
      speed: {
        type: 'object',
        description: 'How fast.',
        properties: {
          limit: {
            type: 'integer',
            minimum: 1,
            maximum: 9,
            default: 3,
            description: 'At most a|b.',
            examples: [3, 4],
          },
          units: { $ref: '#/$defs/unit' },
          modes: {
            type: 'array',
            items: { enum: ['slow', 'fast'] },
            description: 'Some *modes*.',
            examples: [['slow']],
          },
        },
        required: ['units'],
        examples: [{ limit: 4 }],
      },
    },
    $defs: { unit: { type: 'string', description: 'A unit.', examples: ['km'] } },
  })
  t.match(made, '| `speed` | [mapping](#speed) | How fast. |')
  t.match(made, '| `limit` | whole number, 1 to 9 | `3` | At most a\\|b. For example `4`. |')
  t.match(made, '| `units` | [unit](#unit) | required | A unit. |')
  t.match(made, '| `modes` | list of `slow` or `fast` |  | Some \\*modes\\*. For example `[slow]`. |')
  t.match(made, '```yaml\nspeed:\n  limit: 4\n```')
  t.match(made, '## `unit`\n\nA unit.\n\n- `km`\n')
})
