/** Tables of a list: as wide as they must be, and whole on a terminal of 80 columns. */
import { colour, print, type Style, type Terminal, wrap } from './terminal.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly style?: (row: Row) => Style
  /** What is shown instead where the table would be too wide. */
  readonly short?: (row: Row) => string
  /**
   * What becomes of the column where the table is still too wide: its text is shortened in the middle or at the end,
   * wrapped, or, for the last column alone, put on lines of its own below each row. In this order: below, middle, wrap,
   * end; of several that do the same, the first gives way most.
   */
  readonly shrinks?: 'below' | 'middle' | 'wrap' | 'end'
  /** Characters that shrinking leaves at the least. */
  readonly least?: number
}

interface Laid<Row> extends Column<Row> {
  readonly width: number
}

const NARROWEST = 8
const INDENT = 4

/** Prints rows under titles, the whole no wider than the terminal where it is one. */
export function printTable<Row>(
  terminal: Terminal,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  const room = terminal.out.isTTY === true ? terminal.out.columns || 80 : Infinity
  const { laid, below } = layOut(rows, columns, room)
  const titles = laid.map(({ title, width }) => fit(title, width, 'end').padEnd(width))
  print(terminal, colour(terminal, 'dim', titles.join('  ').trimEnd()))
  for (const row of rows) {
    for (const line of linesOf(terminal, row, laid)) print(terminal, line)
    if (below === undefined || below.value(row) === '') continue
    for (const line of wrap(below.value(row), room - INDENT, true))
      print(terminal, `${' '.repeat(INDENT)}${styled(terminal, below, row, line)}`)
  }
}

function layOut<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  room: number,
): { readonly laid: readonly Laid<Row>[]; readonly below?: Column<Row> | undefined } {
  const whole = columns.map((column) => measured(column, rows))
  if (excessOf(whole, room) <= 0) return { laid: whole }
  const short = columns.map((column) => measured({ ...column, value: column.short ?? column.value }, rows))
  const below = excessOf(short, room) > 0 ? short.find(({ shrinks }) => shrinks === 'below') : undefined
  const laid = short.filter((column) => column !== below)
  for (const way of ['middle', 'wrap', 'end']) {
    for (const [at, column] of laid.entries()) {
      const excess = excessOf(laid, room)
      if (column.shrinks !== way || excess <= 0) continue
      const least = Math.min(column.width, column.least ?? NARROWEST)
      laid[at] = { ...column, width: Math.max(least, column.width - excess) }
    }
  }
  return { laid, below }
}

function measured<Row>(column: Column<Row>, rows: readonly Row[]): Laid<Row> {
  const width = rows.reduce((most, row) => Math.max(most, column.value(row).length), column.title.length)
  return { ...column, width }
}

function excessOf(columns: readonly { readonly width: number }[], room: number): number {
  return columns.reduce((sum, { width }) => sum + width + 2, -2) - room
}

function linesOf<Row>(terminal: Terminal, row: Row, columns: readonly Laid<Row>[]): string[] {
  const cells = columns.map(({ value, width, shrinks }) =>
    shrinks === 'wrap' ? wrap(value(row), width, true) : [fit(value(row), width, shrinks)],
  )
  const height = Math.max(...cells.map((lines) => lines.length))
  return Array.from({ length: height }, (_, at) =>
    columns
      .map((column, index) => {
        const text = cells[index]?.[at] ?? ''
        const isLast = index === columns.length - 1
        return styled(terminal, column, row, isLast ? text : text.padEnd(column.width))
      })
      .join('  ')
      .trimEnd(),
  )
}

function styled<Row>(terminal: Terminal, { style }: Column<Row>, row: Row, text: string): string {
  return style === undefined || text.trim() === '' ? text : colour(terminal, style(row), text)
}

function fit(text: string, width: number, shrinks: Column<unknown>['shrinks']): string {
  if (text.length <= width) return text
  if (shrinks !== 'middle') return `${text.slice(0, width - 1)}…`
  const end = Math.ceil((width - 1) / 2)
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end)}`
}
