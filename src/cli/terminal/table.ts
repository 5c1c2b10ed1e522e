/** Tables of a list: only as wide as necessary, and complete on a terminal of 80 columns. */

import { beginningOf, endOf, padTo, widthOf } from '../../core/text/width.ts'
import { colour, listWidth, print, type Style, type Terminal, wrap } from './terminal.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly style?: (row: Row) => Style
  /** The title to show instead if the table would be too wide. */
  readonly short?: (row: Row) => string
  /**
   * What to do with the column if the table is still too wide: put its text on lines of its own below each row,
   * shortened in the middle or at the end, or wrapped. They are applied in this order; of several columns with the same one, the
   * last shrinks most.
   */
  readonly shrinks?: 'below' | 'middle' | 'wrap' | 'end'
  /** Its whole text is put below each row if the table is too wide even with all columns at their minimum. */
  readonly fallsBelow?: boolean
  /** The minimum number of characters after shrinking. */
  readonly least?: number
}

interface Laid<Row> extends Column<Row> {
  readonly width: number
}

const NARROWEST = 8
const INDENT = 4

/** Prints rows under titles, no wider than the terminal if there is one. */
export function printTable<Row>(
  terminal: Terminal,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  const room = listWidth(terminal)
  const { laid, below } = layOut(rows, columns, room)
  const titles = laid.map(({ title, width }) => padTo(fit(title, width, 'end'), width))
  print(terminal, colour(terminal, 'dim', titles.join('  ').trimEnd()))
  for (const row of rows) {
    for (const line of linesOf(terminal, row, laid)) print(terminal, line)
    for (const column of below) {
      if (column.value(row) === '') continue
      for (const line of wrap(column.value(row), room - INDENT, true))
        print(terminal, `${' '.repeat(INDENT)}${styled(terminal, column, row, line)}`)
    }
  }
}

interface Layout<Row> {
  readonly laid: readonly Laid<Row>[]
  readonly below: readonly Column<Row>[]
}

function layOut<Row>(rows: readonly Row[], columns: readonly Column<Row>[], room: number): Layout<Row> {
  const whole = columns.map((column) => measured(column, rows))
  if (excessOf(whole, room) <= 0) return { laid: whole, below: [] }
  const short = columns.map((column) => measured({ ...column, value: column.short ?? column.value }, rows))
  if (excessOf(short, room) <= 0) return { laid: short, below: [] }
  const isBelow = ({ shrinks }: Column<Row>) => shrinks === 'below'
  const laid = shrunk(
    short.filter((column) => !isBelow(column)),
    room,
  )
  if (excessOf(laid, room) <= 0) return { laid, below: columns.filter(isBelow) }
  const stays = (column: Column<Row>) => !isBelow(column) && column.fallsBelow !== true
  return { laid: shrunk(short.filter(stays), room), below: columns.filter((column) => !stays(column)) }
}

function shrunk<Row>(columns: readonly Laid<Row>[], room: number): readonly Laid<Row>[] {
  const laid = [...columns]
  for (const way of ['middle', 'end', 'wrap']) {
    for (const [at, column] of [...laid.entries()].reverse()) {
      const excess = excessOf(laid, room)
      if (column.shrinks !== way || excess <= 0) continue
      const least = Math.min(column.width, column.least ?? NARROWEST)
      laid[at] = { ...column, width: Math.max(least, column.width - excess) }
    }
  }
  return laid
}

function measured<Row>(column: Column<Row>, rows: readonly Row[]): Laid<Row> {
  const width = rows.reduce((most, row) => Math.max(most, widthOf(column.value(row))), column.title.length)
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
        return styled(terminal, column, row, isLast ? text : padTo(text, column.width))
      })
      .join('  ')
      .trimEnd(),
  )
}

function styled<Row>(terminal: Terminal, { style }: Column<Row>, row: Row, text: string): string {
  return style === undefined || text.trim() === '' ? text : colour(terminal, style(row), text)
}

function fit(text: string, width: number, shrinks: Column<unknown>['shrinks']): string {
  if (widthOf(text) <= width) return text
  if (shrinks !== 'middle') return `${beginningOf(text, width - 1)}…`
  const end = Math.ceil((width - 1) / 2)
  return `${beginningOf(text, width - 1 - end)}…${endOf(text, end)}`
}
