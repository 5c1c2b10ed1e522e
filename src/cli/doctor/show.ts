/** Prints findings for a person. */
import type { Finding, Level } from '../../core/finding.ts'
import { asRun } from '../command-name.ts'
import { colour, print, printableLines, type Terminal, textWidth, wrap } from '../terminal/terminal.ts'

const marks = {
  fine: ['✓', 'green'],
  warning: ['!', 'yellow'],
  wrong: ['✗', 'red'],
  unknown: ['?', 'dim'],
} as const satisfies Record<Level, readonly [string, string]>

export function showFinding(
  terminal: Terminal,
  { level, summary, meaning, hint }: Pick<Finding, 'level' | 'summary' | 'meaning' | 'hint'>,
): void {
  const width = textWidth(terminal)
  const [mark, style] = marks[level]
  const put = (text: string, first: string, hanging: string) => {
    const lines = wrap(asRun(terminal.command, printableLines(text)), width - hanging.length)
    for (const [at, line] of lines.entries()) print(terminal, (at === 0 ? first : hanging) + line)
  }
  put(summary, `  ${colour(terminal, style, mark)} `, '    ')
  if (meaning !== '') put(meaning, '    ', '    ')
  if (hint !== '') put(hint, '    → ', '      ')
}

/** Shows on a terminal which check is running. */
export async function withProgress(
  { err, out }: Terminal,
  group: string,
  findings: Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (err.isTTY !== true || out.isTTY !== true) return findings
  const begun = performance.now()
  const draw = () => {
    const seconds = Math.round((performance.now() - begun) / 1000)
    err.write(`\r\u001b[Kchecking ${group} …${seconds > 1 ? ` ${seconds} s` : ''}`)
  }
  draw()
  const timer = setInterval(draw, 1_000)
  try {
    return await findings
  } finally {
    clearInterval(timer)
    err.write('\r\u001b[K')
  }
}
