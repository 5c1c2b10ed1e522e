/**
 * A part of `npm run docs`: the tables and plots of growth in docs/performance.md and docs/capacity.md, from the results of
 * `npm run bench -- growth --save`, and the computed tables of docs/capacity.md. A test compares them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readResults, type SomeResults } from '../bench/growth/results.ts'
import { capacitySections } from './capacity.ts'
import { growthPlots } from './growth-plots.ts'
import { growthTables } from './growth-tables.ts'

const root = new URL('../', import.meta.url)
const pages = ['docs/performance.md', 'docs/capacity.md'] as const
/** What each plot shows, for those who do not see it. */
const alternatives: Readonly<Record<string, string>> = {
  routes: 'CPU of an event beside 10, 100 and 1,000 routes',
  events: 'CPU of an event beside ten thousand and a million stored events',
  backlog: 'The p99 of messages beside 10 and beside 10,000 that wait',
  memory: 'Memory over the minutes of the run',
}

/** The files that the results make, by their paths from the root of the repository. */
export function growthDocs(results: SomeResults): ReadonlyMap<string, string> {
  const plots = Object.entries(growthPlots(results))
  const sections: Record<string, string> = { ...growthTables(results), ...capacitySections() }
  for (const [name] of plots) {
    sections[name] += `\n\n![${alternatives[name]}](pictures/growth/${name}.svg)`
  }
  return new Map([
    ...plots.map(([name, svg]) => [`docs/pictures/growth/${name}.svg`, svg] as const),
    ...pages.map((page) => [page, filled(readFileSync(new URL(page, root), 'utf8'), sections)] as const),
  ])
}

/**
 * The page with what stands between `<!-- growth NAME -->` and `<!-- /growth NAME -->` replaced by the section of that name. What was not
 * measured stays as it is.
 */
function filled(page: string, sections: Readonly<Record<string, string>>): string {
  return page.replaceAll(
    /(<!-- growth (\w+) -->\n)([\s\S]*?)(<!-- \/growth \2 -->)/g,
    (_, before, name, present, after) =>
      `${before}${sections[name] === undefined ? present : `${sections[name]}\n`}${after}`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of growthDocs(readResults())) writeFileSync(new URL(path, root), text)
}
