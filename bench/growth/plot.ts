/** Plots as SVG, for light and dark pages; legible when 400 pixels wide. */

export interface Axis {
  /** With its unit. */
  readonly label: string
  readonly ticks: readonly number[]
  readonly log?: boolean
}

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Marks each point. */
  readonly marked: boolean
}

export interface Bar {
  readonly name: string
  /** One for each of the names of the plot. */
  readonly values: readonly number[]
}

const WIDTH = 480
const LEFT = 52
const RIGHT = 20
const TOP = 50
const PLOT_HEIGHT = 190
const BAR = 11
const GAP = 30
const BOTTOM = 46
const STYLE = `text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:14px}.grid{stroke:#d0d7de}
.s0{stroke:#0969da;fill:#0969da}.s1{stroke:#bc4c00;fill:#bc4c00}polyline{fill:none!important;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}.s0{stroke:#58a6ff;fill:#58a6ff}.s1{stroke:#f0883e;fill:#f0883e}}`

export function lines(title: string, x: Axis, y: Axis, series: readonly Series[]): string {
  const bottom = TOP + PLOT_HEIGHT
  const toX = scale(x, LEFT, WIDTH - RIGHT)
  const toY = scale(y, bottom, TOP)
  const drawn = series.flatMap(({ points, marked }, index) => [
    `<polyline class="s${index}" points="${points.map(([px, py]) => `${toX(px)},${toY(py)}`).join(' ')}"/>`,
    ...(marked
      ? points.map(([px, py]) => `<circle class="s${index}" cx="${toX(px)}" cy="${toY(py)}" r="4"/>`)
      : []),
  ])
  return svg(bottom + BOTTOM, title, [
    ...y.ticks.map((tick) => `<path class="grid" d="M${LEFT} ${toY(tick)}H${WIDTH - RIGHT}"/>`),
    ...y.ticks.map((tick) => text(LEFT - 8, toY(tick) + 4, number(tick), 'end')),
    ...x.ticks.map((tick) => text(toX(tick), bottom + 18, number(tick), 'middle')),
    text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, x.label, 'middle'),
    text(8, 42, y.label),
    ...legend(series.map(({ name }) => name)),
    ...drawn,
  ])
}

/** Groups of bars from the left, each under its name. */
export function bars(title: string, x: Axis, names: readonly string[], groups: readonly Bar[]): string {
  const height = GAP + names.length * BAR
  const bottom = TOP + groups.length * height
  const toX = scale(x, 12, WIDTH - RIGHT)
  return svg(bottom + BOTTOM, title, [
    ...x.ticks.map((tick) => `<path class="grid" d="M${toX(tick)} ${TOP}V${bottom}"/>`),
    ...x.ticks.map((tick) => text(toX(tick), bottom + 18, number(tick), 'middle')),
    text(WIDTH / 2, bottom + 38, x.label, 'middle'),
    ...legend(names),
    ...groups.flatMap(({ name, values }, group) => [
      text(12, TOP + group * height + 18, name),
      ...values.map((value, index) => {
        const y = TOP + group * height + 24 + index * BAR
        return `<rect class="s${index}" x="12" y="${y}" width="${round(toX(value) - 12)}" height="${BAR - 2}"/>`
      }),
    ]),
  ])
}

function scale({ ticks, log = false }: Axis, from: number, to: number): (value: number) => number {
  const of = (value: number) => (log ? Math.log10(value) : value)
  const [first, last] = [of(ticks[0] ?? 0), of(ticks.at(-1) ?? 1)]
  return (value) => round(from + ((of(value) - first) / (last - first)) * (to - from))
}

function legend(names: readonly string[]): string[] {
  if (names.length < 2) return []
  let right = WIDTH - RIGHT
  return names.toReversed().flatMap((name, position) => {
    const index = names.length - 1 - position
    const at = right
    right -= name.length * 7 + 34
    return [
      text(at, 42, name, 'end'),
      `<rect class="s${index}" x="${right + 16}" y="32" width="10" height="10"/>`,
    ]
  })
}

function svg(height: number, title: string, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`
  const heading = `<text class="title" x="8" y="20">${title}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img"><title>${title}</title><style>${STYLE}</style>\n${[heading, ...parts].join('\n')}\n</svg>\n`
}

function text(x: number, y: number, words: string, anchor = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${words}</text>`
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
