/** Patterns in which `*` matches any text. */

/**
 * A test for a pattern in which `*` matches any text, including none. `\*` is a literal star, and a backslash
 * before a star is written twice; elsewhere a backslash is itself. The time is linear in the text.
 */
export function wildcard(pattern: string): (text: string) => boolean {
  const [first = '', ...others] = literals(pattern)
  const last = others.pop()
  if (last === undefined) return (text) => text === first
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    let from = first.length
    for (const literal of others) {
      // The leftmost occurrence leaves the most text for what follows.
      const at = text.indexOf(literal, from)
      if (at === -1) return false
      from = at + literal.length
    }
    return from <= text.length - last.length
  }
}

/** The texts between a pattern's wildcards. */
export function literals(pattern: string): string[] {
  const found: string[] = []
  let literal = ''
  let rest = 0
  for (const star of pattern.matchAll(/(?<!\\)(\\*)\*/g)) {
    const backslashes = star[1]?.length ?? 0
    literal += pattern.slice(rest, star.index) + '\\'.repeat(backslashes / 2)
    rest = star.index + star[0].length
    if (backslashes % 2 === 1) {
      literal += '*'
    } else {
      found.push(literal)
      literal = ''
    }
  }
  return [...found, literal + pattern.slice(rest)]
}
