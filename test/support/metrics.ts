/** /metrics as Prometheus reads it: the text format, parsed as far as tests need it. */

export interface Sample {
  /** Of a histogram, with its _bucket, _sum or _count. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

export interface Scrape {
  readonly text: string
  readonly families: ReadonlyMap<string, Family>
  /** The sum of all series of the name that have these labels; undefined where there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`)
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
  return parseMetrics(await response.text())
}

export function parseMetrics(text: string): Scrape {
  const families = new Map<string, Family>()
  for (const block of text.trim().split('\n\n')) {
    const [help = '', type = '', ...lines] = block.split('\n')
    const [, name = '', words = ''] = /^# HELP (\S+) (.+)$/.exec(help) ?? []
    const [, typed, kind = ''] = /^# TYPE (\S+) (\S+)$/.exec(type) ?? []
    if (name === '' || typed !== name || families.has(name))
      throw new Error(`this is no family of metrics:\n${block}`)
    families.set(name, { name, type: kind, help: words, samples: lines.map(parseSample) })
  }
  const samples = [...families.values()].flatMap((family) => family.samples)
  return {
    text,
    families,
    value(name, labels = {}) {
      const wanted = Object.entries(labels)
      const found = samples.filter(
        (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
      )
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
    },
  }
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === undefined || value === undefined) throw new Error(`this is no sample: ${line}`)
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)]
  if (pairs.map(([pair]) => pair).join('') !== labels) throw new Error(`these are no labels: ${line}`)
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label = '', text = '']) => [label, unescaped(text)])),
    value: value === '+Inf' ? Infinity : Number(value),
  }
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
}

/** Two sources and two receivers; desk.* is a wildcard, and `more` goes on behind the routes. */
export const twoSources = (slack: string, more = '') => `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  other: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [192.0.2.1] }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 1000/s, burst: 1000, api_url: "${slack}" }
receivers:
  deals: { slack: { channel: "#deals" } }
  desk: { slack: { channel: "#desk" }, console: {} }
routes:
  - match: { type: [analysis.completed, deal.closed] }
    receivers: [deals]
  - match: { type: "desk.*" }
    receivers: [desk]
${more}`
