/** A template that is wrong, or that fails. Line and column are counted from 1 within the text that was compiled. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly line: number
  readonly column: number
  /** The partial in which that place is; null for the template itself. */
  readonly path: string | null

  constructor(message: string, line: number, column: number, path: string | null = null) {
    super(message)
    this.line = line
    this.column = column
    this.path = path
  }
}
