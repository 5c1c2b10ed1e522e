/** The event that a command takes: from a file with a body, the store, or --type and --data. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { unknownIn } from '../config/checks/match/enriched.ts'
import { sampleEvent } from '../config/checks/tests/simulate.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import { type Event, enrichedOf, eventOf } from '../core/event.ts'
import { isObject, ownProperty } from '../core/json/json.ts'
import { numberOf, withExactNumbers } from '../core/json/number.ts'
import { isThere } from '../files/presence.ts'
import { lookUp } from '../store/lookup.ts'
import type { EventRecord } from '../store/store.ts'
import { type Context, fromHere } from './context.ts'
import { oneOf, recordOf } from './history/find.ts'
import { reading } from './named-file.ts'
import { CommandError } from './terminal/terminal.ts'
import { withStore } from './with-store.ts'

export interface EventInputFlags {
  readonly type?: string
  readonly data?: readonly string[]
  readonly source?: string
  readonly enriched?: readonly string[]
}

/** Adds the options that `readEventInput` takes. */
export function takesEvent(command: Command): Command {
  return command
    .argument(
      '[event]',
      'a file with the body of an event (- for standard input), or the id of a stored event',
    )
    .option('--type <type>', 'use a made-up event of this type instead')
    .option('--data <key=value...>', 'fields of its data: key=text, or key:=JSON as in score:=80')
    .option('--source <name>', 'the source that receives it (default: the first)')
    .option(
      '--enriched <step.field=value...>',
      'what enrichment would fetch: step.field=text, or step.field:=JSON as in analysis.score:=80',
    )
}

/** An event that is not stored has the id of a sample. The values of `--enriched` replace the stored ones. */
export async function readEventInput(
  context: Context,
  compiled: CompiledConfig,
  named: string | undefined,
  flags: EventInputFlags,
): Promise<Event> {
  const given = (flags.enriched ?? []).map((pair) => parsePair('--enriched', pair))
  for (const [path] of given) {
    const unknown = unknownIn(path.split('.'), { steps: compiled.config.enrich, what: 'step' })
    if (unknown === null) continue
    throw new CommandError(`--enriched: ${unknown.message}${unknown.hint && ` (${unknown.hint})`}`, 2)
  }
  const event = await readEvent(context, compiled, named, flags)
  if (given.length === 0) return event
  const enriched = given.reduce<object>(
    (all, [path, value]) => withValue(all, path.split('.'), value),
    event.enriched,
  )
  return { ...event, enriched: enrichedOf(JSON.stringify(enriched)) }
}

/** The same with the value at a path, as in `analysis.score`. */
function withValue(object: object, [key = '', ...rest]: readonly string[], value: unknown): object {
  if (rest.length === 0) return { ...object, [key]: value }
  const inner = ownProperty(object, key)
  return { ...object, [key]: withValue(isObject(inner) ? inner : {}, rest, value) }
}

async function readEvent(
  context: Context,
  compiled: CompiledConfig,
  named: string | undefined,
  flags: EventInputFlags,
): Promise<Event> {
  if (named === undefined) {
    if (flags.type === undefined) {
      throw new CommandError('which event? Pass a file, the id of a stored event, or --type', 2)
    }
    const source = compiled.config.sources[flags.source ?? Object.keys(compiled.config.sources)[0] ?? '']
    return sample(
      compiled,
      Buffer.from(eventBody(flags.type, flags.data ?? [], source?.event_type)),
      flags.source,
    )
  }
  if (flags.type !== undefined || flags.data !== undefined) {
    throw new CommandError('pass either an event, or --type and --data', 2)
  }
  const path = named === '-' ? 0 : fromHere(context, named)
  if (path === 0) return sample(compiled, readFileSync(0), flags.source)
  // An id may also be the name of a file, but is never a path.
  if (/[/\\]|\.json$/.test(named) || isFile(path))
    return sample(
      compiled,
      reading(path, () => readFileSync(path)),
      flags.source,
    )
  return withStore(context, async (store) => {
    const looked = await lookUp(store, named)
    if (looked.kind === 'none') {
      throw new CommandError(
        `${named} is neither a file nor the id of a stored event ("hookbridge events" lists them)`,
      )
    }
    return storedEvent((await recordOf(store, oneOf(named, looked))).event)
  })
}

/** Also false if this user has no permission to find out. */
function isFile(path: string): boolean {
  try {
    return isThere(path)
  } catch {
    return false
  }
}

/** An event as it was received; throws if it is quarantined. */
export function storedEvent(record: EventRecord): Event {
  const event = eventOf(record)
  if (event !== null) return event
  throw new CommandError(`${record.id} is quarantined and never became an event: ${record.problem}`)
}

function sample({ config }: CompiledConfig, body: Uint8Array, source: string | undefined): Event {
  const event = sampleEvent(config, body, source, Date.now())
  if (typeof event === 'string') throw new CommandError(`this cannot become an event: ${event}`)
  return event
}

/** `key=text`, or `key:=JSON` for a number, true, a list… */
function parsePair(option: string, pair: string): readonly [string, unknown] {
  const [, key = '', sign, value = ''] = /^([^=]*?)(:?=)(.*)$/s.exec(pair) ?? []
  if (key === '') throw new CommandError(`${option} takes key=value, or key:=json, not "${pair}"`, 2)
  if (sign === '=') return [key, value]
  try {
    const parsed: unknown = JSON.parse(value)
    return [key, typeof parsed === 'number' ? numberOf(value.trim()) : withExactNumbers(value, parsed)]
  } catch {
    throw new CommandError(`${option} ${key}:= takes JSON, such as 80, true or "text", not "${value}"`, 2)
  }
}

/**
 * A body with the type where the source reads it (`/event`, as Cuuro's, by default), and `key=value`
 * pairs as its data; the id is made up if none is given.
 */
export function eventBody(type: string, data: readonly string[], eventType = '/event'): string {
  const pairs = data.map((pair) => parsePair('--data', pair))
  const keys = eventType.slice(1).split('/')
  const [root = '', ...rest] = keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const nested = rest.reduceRight<unknown>((value, key) => ({ [key]: value }), type)
  return JSON.stringify({
    data: pairs.length > 0 ? Object.fromEntries(pairs) : { id: randomUUID() },
    [root]: nested,
  })
}
