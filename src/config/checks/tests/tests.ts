/** Runs the tests of a configuration. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Event, enrichedOf } from '../../../core/event.ts'
import { isMuted, plan } from '../../../core/routing/plan.ts'
import type { RenderedMessage } from '../../../core/template/render.ts'
import type { CompiledConfig } from '../../compiled.ts'
import { error, meant, type Path, type Problem, quote } from '../../problem.ts'
import type { Config } from '../../schema/schema.ts'
import { caught } from '../unexpected.ts'
import { type Simulation, sampleEvent, simulate } from './simulate.ts'

type Test = NonNullable<Config['tests']>[number]

// Fixed, so that messages that contain the time are the same in every run.
const DEFAULT_TIME = Date.UTC(2026, 0, 1, 12)

/**
 * `stored` returns a stored event by its id, or a message if there is none. A test that fails is an error at the place
 * of its expectation.
 */
export function runTests(
  compiled: CompiledConfig,
  stored: (id: string) => Event | string,
): readonly Problem[] {
  return (compiled.config.tests ?? []).flatMap((test, index) => {
    const path: Path = ['tests', index]
    const title = test.name === undefined ? `tests[${index}]` : `the test ${quote(test.name)}`
    const place = { severity: 'error', file: compiled.file, ...compiled.document.at(path) } as const
    return caught(place, `${title} ran`, () => runTest(compiled, test, path, title, stored))
  })
}

/** The stored events that the tests name. */
export function storedIds({ config }: CompiledConfig): readonly string[] {
  return (config.tests ?? []).flatMap(({ stored }) => (stored === undefined ? [] : [stored]))
}

function runTest(
  compiled: CompiledConfig,
  test: Test,
  path: Path,
  title: string,
  stored: (id: string) => Event | string,
): Problem[] {
  const event = eventOfTest(compiled, test, stored)
  if (typeof event === 'string') {
    const key = test.file !== undefined ? 'file' : test.stored !== undefined ? 'stored' : 'event'
    return [problem(compiled, [...path, key], `${title} has no event: ${event}`)]
  }
  const simulation = simulate(compiled, event)
  const expected = [...path, 'expect']
  const report = (key: string, message: string, hint: string, detail?: string) =>
    problem(compiled, [...expected, key], `${title} failed: ${message}`, hint, detail)
  return [
    ...compareRoutes(test.expect.routes, simulation, report),
    ...compareReceivers(compiled, test.expect.receivers, simulation, report),
    ...compareMuted(compiled, event, test.expect.muted, report),
    ...compareTexts(test.expect.rendered ?? {}, simulation, report),
    ...simulation.messages.flatMap(({ rendered }) => checkNotes(compiled, path, title, rendered)),
  ]
}

/** A template that fails is an error; a missing variable, or text that was cut, is a warning. */
function checkNotes(
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

type ReportDifference = (key: string, message: string, hint: string, detail?: string) => Problem

function compareRoutes(
  wanted: readonly string[] | undefined,
  { routes }: Simulation,
  report: ReportDifference,
): Problem[] {
  if (wanted === undefined || wanted.join('\n') === routes.join('\n')) return []
  return [report('routes', 'other routes take the event', WHY, difference(wanted, routes))]
}

const WHY = '`hookbridge explain` shows why'

function compareReceivers(
  { config }: CompiledConfig,
  wanted: readonly string[] | undefined,
  { receivers }: Simulation,
  report: ReportDifference,
): Problem[] {
  if (wanted === undefined) return []
  return compareNames('receivers', config, wanted, receivers, report)
}

/** At the time of the event; the other comparisons do not depend on it. */
function compareMuted(
  compiled: CompiledConfig,
  event: Event,
  wanted: readonly string[] | undefined,
  report: ReportDifference,
): Problem[] {
  if (wanted === undefined) return []
  const { deliveries } = plan(compiled, event, { at: event.receivedAt })
  const muted = deliveries.filter(isMuted).map(({ receiver }) => receiver)
  return compareNames('muted', compiled.config, wanted, [...new Set(muted)], report)
}

const differences = {
  receivers: 'other receivers get the event',
  muted: 'other receivers are muted',
} as const

function compareNames(
  key: keyof typeof differences,
  { receivers }: Config,
  wanted: readonly string[],
  found: readonly string[],
  report: ReportDifference,
): Problem[] {
  const known = Object.keys(receivers)
  const unknown = wanted.find((name) => !known.includes(name))
  if (unknown !== undefined)
    return [report(key, `there is no receiver ${quote(unknown)}`, meant(unknown, known))]
  const [one, other] = [wanted.toSorted(), found.toSorted()]
  return one.join('\n') === other.join('\n')
    ? []
    : [report(key, differences[key], WHY, difference(one, other))]
}

function compareTexts(
  wanted: Readonly<Record<string, readonly string[]>>,
  { messages }: Simulation,
  report: ReportDifference,
): Problem[] {
  return Object.entries(wanted).flatMap(([receiver, fragments]) => {
    const texts = messages.filter(({ delivery }) => delivery.receiver === receiver).map(({ text }) => text)
    if (texts.length === 0) return [report('rendered', `${quote(receiver)} gets no message`, WHY)]
    return fragments
      .filter((fragment) => !texts.some((text) => text.includes(fragment)))
      .map((fragment) =>
        report('rendered', `no message to ${receiver} contains ${quote(fragment)}`, '', texts.join('\n\n')),
      )
  })
}

/** Two lists as lines, with a mark before items that are only in one of them. */
function difference(wanted: readonly string[], found: readonly string[]): string {
  const lines = [
    ...wanted.map((name) => (found.includes(name) ? `  ${name}` : `- ${name} (expected)`)),
    ...found.filter((name) => !wanted.includes(name)).map((name) => `+ ${name} (actual)`),
  ]
  if (lines.every((line) => line.startsWith('  ')))
    return `expected ${wanted.join(', ')}\nactual   ${found.join(', ')}`
  return lines.length === 0 ? '' : lines.join('\n')
}

/** The events of tests that are in the configuration itself or in a file; those that cannot be read are left out. */
export function eventsOfTests(compiled: CompiledConfig): readonly Event[] {
  return (compiled.config.tests ?? []).flatMap((test) => {
    const event = test.stored === undefined ? eventOfTest(compiled, test, () => '') : ''
    return typeof event === 'string' ? [] : [event]
  })
}

/** The event of a test; a message if there is none. */
function eventOfTest(
  compiled: CompiledConfig,
  test: Test,
  stored: (id: string) => Event | string,
): Event | string {
  const event = plainEventOfTest(compiled, test, stored)
  if (typeof event === 'string' || test.enriched === undefined) return event
  // As if read from the store, with numbers as they were written.
  return { ...event, enriched: enrichedOf(JSON.stringify(test.enriched)) }
}

function plainEventOfTest(
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
    // A pipe or a device could block the service forever.
    const stats = statSync(path)
    if (!stats.isFile()) return `${name} is not a regular file`
    const limit = config.server.body_limit
    if (stats.size > limit) return `${name} is larger than server.body_limit (${limit} bytes)`
    return readFileSync(path)
  } catch (error) {
    return `${name} cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`
  }
}

function problem(compiled: CompiledConfig, path: Path, message: string, hint = '', detail = ''): Problem {
  const place = compiled.document.at(path)
  return {
    ...error('failed_test', compiled.file, place, message, hint),
    ...(detail !== '' && { detail }),
  }
}
