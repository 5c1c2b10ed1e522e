import { Writable } from 'node:stream'
import t from 'tap'
import { type Column, printTable } from '../../src/cli/terminal/table.ts'
import { wrap } from '../../src/cli/terminal/terminal.ts'
import { beginningOf, endOf, padTo, piecesOf, widthOf } from '../../src/core/text/width.ts'

interface Row {
  readonly id: string
  readonly name: string
  readonly states: string
  readonly reason: string
}

const rows: readonly Row[] = [
  { id: '0123456789abcdef', name: 'a rather long name', states: '2 delivered, 1 parked', reason: '' },
  { id: 'fedcba9876543210', name: 'short', states: 'none', reason: 'it was refused, and said why at length' },
]

function printed(columns: readonly Column<Row>[], width?: number): string {
  let text = ''
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const terminal = {
    out: Object.assign(out, { isTTY: width !== undefined, columns: width ?? 0 }),
    err: out,
    env: { NO_COLOR: '1' },
    cwd: '/',
    command: 'hookbridge',
  }
  printTable(terminal, rows, columns)
  return text
}

const columns: readonly Column<Row>[] = [
  { title: 'ID', value: ({ id }) => id, short: ({ id }) => id.slice(0, 6) },
  { title: 'NAME', value: ({ name }) => name, shrinks: 'middle' },
  { title: 'STATES', value: ({ states }) => states, shrinks: 'wrap', least: 12 },
  { title: 'REASON', value: ({ reason }) => reason, shrinks: 'below' },
]

t.test('a table gives way step by step', async (t) => {
  const whole = `ID                NAME                STATES                 REASON
0123456789abcdef  a rather long name  2 delivered, 1 parked
fedcba9876543210  short               none                   it was refused, and said why at length
`
  t.equal(printed(columns), whole, 'where there is no terminal, nothing does')
  t.equal(printed(columns, 120), whole)
  t.equal(
    printed(columns, 90),
    `ID      NAME                STATES                 REASON
012345  a rather long name  2 delivered, 1 parked
fedcba  short               none                   it was refused, and said why at length
`,
  )
  t.equal(
    printed(columns, 50),
    `ID      NAME                STATES
012345  a rather long name  2 delivered, 1 parked
fedcba  short               none
    it was refused, and said why at length
`,
  )
  t.equal(
    printed(columns, 30),
    `ID      NAME      STATES
012345  a r…name  2 delivered,
                  1 parked
fedcba  short     none
    it was refused, and said
    why at length
`,
  )
})

t.test('a column may be cut at its end', async (t) => {
  t.equal(
    printed([{ title: 'NAME', value: ({ name }) => name, shrinks: 'end' }], 10),
    'NAME\na rather …\nshort\n',
  )
})

t.test('what a terminal shows, in columns', async (t) => {
  for (const [text, width] of [
    ['', 0],
    ['deal-flow', 9],
    ['Zürich', 6],
    ['Zu\u0308rich', 6],
    ['東京', 4],
    ['ｗｉｄｅ', 8],
    ['한국', 4],
    ['🚀', 2],
    ['👩🏽‍💻', 2],
    ['🇩🇪', 2],
  ] as const) {
    t.equal(widthOf(text), width, JSON.stringify(text))
  }
  t.equal(padTo('東京', 6), '東京  ')
  t.equal(beginningOf('東京大阪', 5), '東京')
  t.equal(endOf('東京大阪', 5), '大阪')
  t.equal(endOf('deal-flow', 4), 'flow')
  t.equal(beginningOf('👩🏽‍💻👩🏽‍💻', 3), '👩🏽‍💻', 'no character is cut in two')
  t.strictSame(piecesOf('東京大阪', 3), ['東', '京', '大', '阪'])
  t.strictSame(piecesOf('東京', 1), ['東', '京'], 'one at least')
  t.strictSame(wrap('東京 大阪 a', 7, true), ['東京', '大阪 a'])
})

t.test('an indented paragraph stays indented, and its lines alike', async (t) => {
  t.strictSame(wrap('Error  out of\n       memory\n   one two three four', 15), [
    'Error  out of',
    '       memory',
    '   one two',
    '   three four',
  ])
  t.strictSame(wrap('  ', 12), [''], 'but not what is empty')
})
