import { toText } from './text.ts'

// What JSON may say, and PostgreSQL's text has not; and what the escape of U+0000 is made of.
const SPECIAL = /\\u0000|\\ud[89a-f]|\u{10FFFE}/iu

/** Rows as one value, for `json_to_recordset($1::json)`: one statement for many rows, whatever their number. */
export class Records {
  readonly json: string

  constructor(rows: readonly Readonly<Record<string, null | number | string>>[]) {
    const json = JSON.stringify(rows)
    this.json = SPECIAL.test(json) ? JSON.stringify(rows, escaped) : json
  }
}

function escaped(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? toText(value.toWellFormed()) : value
}
