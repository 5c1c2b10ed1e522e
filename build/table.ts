/** Tables in Markdown, and the numbers in them. */
type Cell = string | number

export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function count(value: number): string {
  return value.toLocaleString('en')
}

export function fixed(value: number, digits = 2): string {
  return value.toFixed(digits)
}
