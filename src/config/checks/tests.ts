/** The tests within a configuration: events, and what must come of them. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { channels } from '../../channels/channels.ts'
import { type Event, readBody } from '../../core/event.ts'
import { type PlannedDelivery, plan, skippedBecause } from '../../core/plan.ts'
import { type RenderedMessage, render } from '../../core/render.ts'
import type { CompiledConfig } from '../compiled.ts'
import { meant, type Path, type Problem, quote } from '../problem.ts'
import type { Config } from '../schema/schema.ts'

type Test = NonNullable<Config['tests']>[number]

/** What came of an event: who takes it, and what each message reads. */
export interface Outcome {
  readonly routes: readonly string[]
  readonly receivers: readonly string[]
  readonly unrouted: boolean
  readonly messages: readonly Message[]
  /** Planned, and not sent. */
  readonly skipped: readonly PlannedDelivery[]
}

interface Message {
  readonly delivery: PlannedDelivery
  readonly rendered: RenderedMessage
  /** As its reader sees it; empty where no template renders it. */
  readonly text: string
}

// Some time, the same at every run: a message that says when is the same too.
const DEFAULT_TIME = Date.UTC(2026, 0, 1, 12)

/**
 * Runs the tests. `stored` gives a stored event by its id, or says why there is none. A test that fails is an error at
 * the place of what it expected.
 */
export function runTests(
  compiled: CompiledConfig,
  stored: (id: string) => Event | string,
): readonly Problem[] {
  return (compiled.config.tests ?? []).flatMap((test, index) => runTest(compiled, test, index, stored))
}

/** The stored events that the tests name. */
export function storedIds({ config }: CompiledConfig): readonly string[] {
  return (config.tests ?? []).flatMap(({ stored }) => (stored === undefined ? [] : [stored]))
}

/** What the service would make of an event. */
export function outcomeOf(compiled: CompiledConfig, event: Event): Outcome {
  const { routes, unrouted, deliveries } = plan(compiled, event)
  return {
    routes: unrouted ? [] : routes.map(({ route }) => route),
    receivers: [...new Set(routes.flatMap(({ receivers }) => receivers))],
    unrouted,
    messages: deliveries
      .filter((delivery) => skippedBecause(delivery) === null)
      .map((delivery) => toMessage(compiled, event, delivery)),
    skipped: deliveries.filter((delivery) => skippedBecause(delivery) !== null),
  }
}

function toMessage(compiled: CompiledConfig, event: Event, delivery: PlannedDelivery): Message {
  const rendered = render({ renderers: compiled.templates.renderers, links: compiled.links }, event, {
    ...delivery,
    channel: delivery.destination.channel,
  })
  const channel = channels.find(({ name }) => name === delivery.destination.channel)
  return { delivery, rendered, text: rendered.ok && channel ? channel.toText(rendered.message) : '' }
}

function runTest(
  compiled: CompiledConfig,
  test: Test,
  index: number,
  stored: (id: string) => Event | string,
): Problem[] {
  const path: Path = ['tests', index]
  const title = test.name === undefined ? `tests[${index}]` : `the test ${quote(test.name)}`
  const event = eventOf(compiled, test, stored)
  if (typeof event === 'string') {
    const key = test.file !== undefined ? 'file' : test.stored !== undefined ? 'stored' : 'event'
    return [problem(compiled, [...path, key], `${title} has no event: ${event}`)]
  }
  const outcome = outcomeOf(compiled, event)
  const expected = [...path, 'expect']
  const tell = (key: string, message: string, hint: string, detail?: string) =>
    problem(compiled, [...expected, key], `${title} failed: ${message}`, hint, detail)
  return [
    ...compareRoutes(test.expect.routes, outcome, tell),
    ...compareReceivers(compiled, test.expect.receivers, outcome, tell),
    ...compareTexts(test.expect.rendered ?? {}, outcome, tell),
    ...outcome.messages.flatMap(({ rendered }) => noted(compiled, path, title, rendered)),
  ]
}

/** A template that fails is an error; a variable that is not there, or text that was cut, a warning. */
function noted(
  compiled: CompiledConfig,
  path: Path,
  title: string,
  { ok, failed, notes }: RenderedMessage,
): Problem[] {
  if (!ok || failed.length > 0) return [problem(compiled, path, `${title} failed: ${notes.join('; ')}`)]
  return [...new Set(notes)].map((note) => ({
    ...problem(compiled, path, `the event of ${title}: ${note}`),
    severity: 'warning',
    code: 'sample_note',
  }))
}

type TellDifference = (key: string, message: string, hint: string, detail?: string) => Problem

function compareRoutes(
  wanted: readonly string[] | undefined,
  { routes }: Outcome,
  tell: TellDifference,
): Problem[] {
  if (wanted === undefined || wanted.join('\n') === routes.join('\n')) return []
  return [tell('routes', 'other routes take the event', WHY, difference(wanted, routes))]
}

const WHY = '`hookbridge explain` shows why'

function compareReceivers(
  { config }: CompiledConfig,
  wanted: readonly string[] | undefined,
  { receivers }: Outcome,
  tell: TellDifference,
): Problem[] {
  if (wanted === undefined) return []
  const known = Object.keys(config.receivers)
  const unknown = wanted.find((name) => !known.includes(name))
  if (unknown !== undefined)
    return [tell('receivers', `there is no receiver ${quote(unknown)}`, meant(unknown, known))]
  const [sorted, found] = [[...wanted].sort(), [...receivers].sort()]
  if (sorted.join('\n') === found.join('\n')) return []
  return [tell('receivers', 'other receivers get the event', WHY, difference(sorted, found))]
}

function compareTexts(
  wanted: Readonly<Record<string, readonly string[]>>,
  { messages }: Outcome,
  tell: TellDifference,
): Problem[] {
  return Object.entries(wanted).flatMap(([receiver, fragments]) => {
    const texts = messages.filter(({ delivery }) => delivery.receiver === receiver).map(({ text }) => text)
    if (texts.length === 0) return [tell('rendered', `${quote(receiver)} gets no message`, WHY)]
    return fragments
      .filter((fragment) => !texts.some((text) => text.includes(fragment)))
      .map((fragment) =>
        tell('rendered', `no message to ${receiver} says ${quote(fragment)}`, '', texts.join('\n\n')),
      )
  })
}

/** Two lists as lines, those that are only in one of them marked. */
function difference(wanted: readonly string[], found: readonly string[]): string {
  const lines = [
    ...wanted.map((name) => (found.includes(name) ? `  ${name}` : `- ${name} (wanted)`)),
    ...found.filter((name) => !wanted.includes(name)).map((name) => `+ ${name} (found)`),
  ]
  if (lines.every((line) => line.startsWith('  ')))
    return `wanted ${wanted.join(', ')}\nfound  ${found.join(', ')}`
  return lines.length === 0 ? '' : lines.join('\n')
}

/** The event of a test, or why there is none. */
function eventOf(
  compiled: CompiledConfig,
  test: Test,
  stored: (id: string) => Event | string,
): Event | string {
  if (test.stored !== undefined) {
    const event = stored(test.stored)
    if (typeof event === 'string') return event
    return test.at === undefined ? event : { ...event, receivedAt: test.at, sentAt: test.at }
  }
  const body =
    test.file === undefined ? Buffer.from(JSON.stringify(test.event)) : readBytes(compiled, test.file)
  if (typeof body === 'string') return body
  return sampleEvent(compiled.config, body, test.source, test.at ?? DEFAULT_TIME)
}

/** The file that a test names, relative to the configuration. */
export function sampleFile(configuration: string, name: string): string {
  return resolve(dirname(configuration), name)
}

function readBytes({ file, config }: CompiledConfig, name: string): Buffer | string {
  const path = sampleFile(file, name)
  try {
    // A pipe or a device could keep the service waiting for ever.
    const stats = statSync(path)
    if (!stats.isFile()) return `${name} is not a regular file`
    const limit = config.server.body_limit
    if (stats.size > limit)
      return `${name} is larger than server.body_limit (${limit} bytes), as no event can be`
    return readFileSync(path)
  } catch (error) {
    return `${name} cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`
  }
}

/** The event that a source's body becomes, or why it becomes none. */
export function sampleEvent(
  { sources }: Config,
  body: Uint8Array,
  named: string | undefined,
  at: number,
): Event | string {
  const source = named ?? Object.keys(sources)[0] ?? ''
  const settings = sources[source]
  if (settings === undefined)
    return `there is no source ${quote(source)}; ${meant(source, Object.keys(sources))}`
  const read = readBody(body, settings.event_type)
  if (!read.ok) return read.message
  const { type, payload } = read
  return {
    id: 'evt_SAMPLE',
    messageId: 'msg_sample',
    source,
    type,
    receivedAt: at,
    sentAt: at,
    secretIndex: 0,
    payload,
  }
}

function problem(compiled: CompiledConfig, path: Path, message: string, hint = '', detail = ''): Problem {
  const place = compiled.document.at(path)
  return {
    severity: 'error',
    code: 'failed_test',
    file: compiled.file,
    ...place,
    message,
    hint,
    ...(detail !== '' && { detail }),
  }
}
