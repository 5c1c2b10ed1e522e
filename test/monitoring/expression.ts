/** What a PromQL expression asks for: enough of its grammar to find every metric and every label. */

export interface Asked {
  /** As written: a histogram's with its _bucket, _sum or _count. */
  readonly metrics: readonly { readonly name: string; readonly matchers: readonly Matcher[] }[]
  /** Labels that it groups or joins by. */
  readonly labels: readonly string[]
}

export interface Matcher {
  readonly label: string
  readonly sign: string
  readonly value: string
}

const keywords = new Set(['and', 'or', 'unless', 'offset', 'bool', 'start', 'end', 'inf', 'nan'])
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g
const SELECTOR = /([a-zA-Z_:][\w:]*)?\s*\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}/g

/** Variables of Grafana may stand in strings and durations. Throws for what it cannot read. */
export function asks(expression: string): Asked {
  const metrics: { name: string; matchers: readonly Matcher[] }[] = []
  const withoutSelectors = expression
    .replaceAll(/#.*$/gm, '')
    .replaceAll(SELECTOR, (all, name: string | undefined, inside: string) => {
      if (name === undefined) throw new Error(`a selector without a metric: ${all}`)
      metrics.push({ name, matchers: matchersIn(inside) })
      return '1'
    })
  const labels: string[] = []
  const rest = withoutSelectors
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(GROUPING, (_, list: string) => {
      labels.push(...list.split(',').map((label) => label.trim()))
      return ''
    })
  if (/[{}[\]"']/.test(rest)) throw new Error(`cannot read ${expression}`)
  for (const [name] of rest.matchAll(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g))
    if (!keywords.has(name.toLowerCase())) metrics.push({ name, matchers: [] })
  return { metrics, labels: labels.filter((label) => label !== '') }
}

function matchersIn(text: string): Matcher[] {
  const found = [...text.matchAll(/\s*(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/g)]
  if (found.map(([all]) => all).join('') !== text) throw new Error(`cannot read the labels {${text}}`)
  return found.map(([, label = '', sign = '', value = '']) => ({ label, sign, value }))
}
