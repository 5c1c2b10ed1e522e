/**
 * What every channel must do; its preview and its doctor are checked where it has them. A channel passes it by
 * describing a working and an unreachable destination.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Test } from 'tap'
import { z } from 'zod'
import type { Channel, OpenChannel, Renderer, Target } from '../../src/channels/channel.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import type { View } from '../../src/core/event.ts'
import { isObject } from '../../src/core/json/json.ts'
import type { RenderView } from '../../src/core/template/template.ts'
import { noProxies } from '../../src/network/proxies.ts'
import { alone } from '../support/addressed.ts'
import { anyJson, anyText, anyUrl } from '../support/any-text.ts'
import { channelEnvironment, IN_TIME_MS } from '../support/channel-environment.ts'
import { aRenderView } from '../support/event.ts'
import { tagsOf } from '../support/html.ts'
import { holdPort } from '../support/ports.ts'
import { readTemplate, shippedTemplates } from '../support/template-files.ts'

/** Settings as a person writes them, before the channel's schemas read them. */
interface RawSettings {
  readonly settings: unknown
  readonly receiver: unknown
}

interface Destination extends RawSettings {
  /** Connections accepted until now. */
  connections(): number
  close(): Promise<void>
}

export interface ChannelHarness<Settings, Receiver, Message> {
  readonly channel: Channel<Settings, Receiver, Message>
  /** The channel's folder under src/channels. */
  readonly folder: string
  /** Starts a destination that takes every message. */
  start(): Promise<Destination>
  /** The same settings, with a destination at a port of 127.0.0.1 where nothing listens. */
  unreachable(port: number): RawSettings
  /** Where a person would send a preview; for a channel that has one. */
  readonly address?: string
  /** Every secret that the settings above hold. */
  readonly secrets: readonly string[]
}

const context = {
  settings: undefined,
  target: '"><script>alert(1)</script>',
  now: Date.UTC(2026, 10, 23, 10),
  timeZone: 'UTC',
}

/** A view of an event as it comes from Cuuro; `data` replaces the payload's. */
export function exampleView(type = 'analysis.created', more: Partial<RenderView> = {}): RenderView {
  const data = more.data ?? { id: '0191e29a-1644-7972-9466-18ada4a3636e' }
  const seen: View = {
    event: {
      id: 'evt_01KB0000000000000000000000',
      type,
      source: 'cuuro',
      subject: null,
      received_at: '2026-11-23T09:30:00.000Z',
      sent_at: '2026-11-23T09:29:59.000Z',
    },
    data,
    payload: { data, event: type },
    enriched: {},
    lifecycle: null,
  }
  return aRenderView({ ...seen, ...more }, { route: { name: 'new analyses' }, ...more })
}

/** Views with any JSON as their data. */
export const anyView: fc.Arbitrary<RenderView> = fc
  .tuple(anyJson(), anyText(), anyUrl)
  .map(([json, text, link]) =>
    exampleView(text, { data: fromJson(json), payload: { data: fromJson(json), event: text }, link }),
  )

// fast-check's JSON type is not ours in name only: both are what JSON.parse gives.
function fromJson(value: unknown): RenderView['data'] {
  return JSON.parse(JSON.stringify(value))
}

export function channelContract<Settings, Receiver, Message>(
  t: Test,
  harness: ChannelHarness<Settings, Receiver, Message>,
): void {
  const { channel } = harness

  t.equal(channel.name, harness.folder, 'the name is that of the folder')
  t.test('settings', (t) => settingsContract(t, harness))
  t.test('targets', (t) => targetsContract(t, harness))
  t.test('rendering', (t) => renderingContract(t, harness))
  t.test('preview', (t) => previewContract(t, harness))
  t.test('doctor', (t) => doctorContract(t, harness))
  t.test('sending', (t) => sendingContract(t, harness))
}

async function settingsContract<S, R, M>(
  t: Test,
  { channel, start }: ChannelHarness<S, R, M>,
): Promise<void> {
  const destination = await start()
  t.teardown(() => destination.close())
  for (const [name, schema, raw] of [
    ['settings', channel.settings, destination.settings],
    ['receiver', channel.receiver, destination.receiver],
  ] as const) {
    t.ok(schema.safeParse(raw).success, `${name}: the example is accepted`)
    const misspelt = schema.safeParse({ ...(isObject(raw) ? raw : {}), misspelt: 1 })
    t.equal(misspelt.error?.issues[0]?.code, 'unrecognized_keys', `${name}: an unknown key is refused`)
    const properties = describedProperties(z.toJSONSchema(schema, { io: 'input' }))
    t.strictSame(
      properties.filter((property) => !property.described).map((property) => property.name),
      [],
      `${name}: every key is described`,
    )
  }
}

function describedProperties(schema: unknown): { name: string; described: boolean }[] {
  if (Array.isArray(schema)) return schema.flatMap(describedProperties)
  if (!isObject(schema)) return []
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'properties' && isObject(value)
      ? Object.entries(value).flatMap(([name, property]) => [
          { name, described: isObject(property) && typeof property.description === 'string' },
          ...describedProperties(property),
        ])
      : describedProperties(value),
  )
}

async function targetsContract<S, R, M>(
  t: Test,
  { channel, start, secrets }: ChannelHarness<S, R, M>,
): Promise<void> {
  const destination = await start()
  t.teardown(() => destination.close())
  const receiver = channel.receiver.parse(destination.receiver)
  const targets = channel.targets(receiver, 'deal-flow')
  t.not(targets.length, 0, 'a receiver has at least one target')
  t.equal(new Set(targets.map(({ target }) => target)).size, targets.length, 'targets are unique')
  t.strictSame(channel.targets(receiver, 'deal-flow'), targets, 'targets are the same every time')
  noSecrets(t, targets, secrets, 'no target holds a secret')
  t.equal(
    channel.missingSettings?.(channel.settings.parse(destination.settings), receiver) ?? null,
    null,
    'nothing is missing',
  )
}

async function renderingContract<S, R, M>(t: Test, { channel }: ChannelHarness<S, R, M>): Promise<void> {
  for (const name of shippedTemplates) {
    const files = readTemplate(name, channel)
    const isOwn = channel.templateFiles.some((file) => files.files.has(file))
    t.ok(isOwn || name !== 'default', 'there is something to send for every event')
    if (!isOwn) continue
    const compiled = channel.compile(files)
    if (!compiled.ok) {
      t.strictSame(compiled.problems, [], `${name}: compiles`)
      continue
    }
    const { renderer } = compiled
    const plain = renderer.render(exampleView(name))
    t.match(plain, { ok: true, notes: [] }, `${name}: renders a thin payload without notes`)
    if (plain.ok) {
      t.match(channel.toText(plain.message), /\p{L}/u, `${name}: can be read as text`)
    }
    fc.assert(
      fc.property(anyView, (view) => {
        const first = renderer.render(view)
        if (!first.ok) throw new Error(first.reason)
        channel.toText(first.message)
        assert.deepEqual(renderer.render(view), first)
      }),
      { numRuns: 20 },
    )
  }
}

async function sendingContract<S, R, M>(t: Test, harness: ChannelHarness<S, R, M>): Promise<void> {
  const destination = await harness.start()
  t.teardown(() => destination.close())
  const working = opened(harness, destination)
  t.ok(working.open.rateLimit.rate > 0 && working.open.rateLimit.burst >= 1, 'the rate lets messages through')
  t.ok(working.open.perDestination >= 1 && working.open.concurrency >= 1, 'attempts may be made')
  t.equal(destination.connections(), 0, 'opening makes no connection')
  const sent = await working.send()
  t.equal(sent.kind, 'sent', 'a message to a working destination is sent')
  t.not(sent.kind === 'sent' ? Object.keys(sent.reference).length : 0, 0, 'it is sent with a reference')
  noSecrets(t, sent, harness.secrets, 'no secret is in the outcome')
  await Promise.all([working.open.close(), working.open.close()])
  await working.open.close()
  t.pass('closing is idempotent')

  const closing = opened(harness, destination)
  const begun = closing.send()
  await closing.open.close()
  t.equal((await begun).kind, 'sent', 'closing waits even for an attempt that has only just begun')

  const unreachable = opened(harness, harness.unreachable(holdPort(t).port))
  const outcome = await unreachable.send()
  t.equal(outcome.kind, 'retry', 'a destination that cannot be reached is tried again')
  noSecrets(t, outcome, harness.secrets, 'no secret is in that outcome')
  await unreachable.open.close()
}

async function previewContract<S, R, M>(
  t: Test,
  { channel, start, address }: ChannelHarness<S, R, M>,
): Promise<void> {
  const preview = await channel.preview?.()
  t.equal(preview === undefined, address === undefined, 'it has an address where it has a preview')
  if (preview === undefined) return
  const destination = await start()
  t.teardown(() => destination.close())
  const at = preview.receiverAt(address ?? '', channel.settings.parse(destination.settings))
  t.equal(at.ok && channel.targets(at.receiver, 'preview').length, 1, 'an address is one target')
  for (const name of shippedTemplates) {
    const { renderer } = compiledTemplate(channel, name)
    const plain = renderer.render(exampleView(name))
    if (!plain.ok) throw new Error(plain.reason)
    t.match(preview.toHtml(plain.message, context), /\p{L}/u, `${name}: can be seen`)
    const banner = channel.toText(preview.withPreviewBanner(plain.message))
    t.match(banner, /Preview/, `${name}: says when it is a preview`)
    fc.assert(
      fc.property(anyView, (view) => {
        const result = renderer.render(view)
        if (!result.ok) throw new Error(result.reason)
        tagsOf(preview.toHtml(result.message, context))
      }),
      { numRuns: 20 },
    )
  }
}

async function doctorContract<S, R, M>(t: Test, harness: ChannelHarness<S, R, M>): Promise<void> {
  const { channel, secrets } = harness
  const doctor = await channel.doctor?.()
  if (doctor === undefined) return
  const check = (raw: RawSettings) =>
    doctor.check(
      channel.settings.parse(raw.settings),
      new Map([['deal-flow', channel.receiver.parse(raw.receiver)]]),
      IN_TIME_MS,
      noProxies,
    )
  const destination = await harness.start()
  t.teardown(() => destination.close())
  const good = await check(destination)
  t.strictSame(
    good.filter(({ level }) => level === 'wrong' || level === 'warning'),
    [],
    'nothing is wrong with a working destination',
  )
  noSecrets(t, good, secrets, 'no secret is in what was found')

  const bad = await check(harness.unreachable(holdPort(t).port))
  t.equal(bad.length === 0, good.length === 0, 'what can be checked is checked')
  for (const { level, summary, hint } of bad) {
    t.ok(level === 'wrong' || level === 'unknown', 'an unreachable destination is reported')
    t.match(summary, /\w/, 'in words')
    t.match(hint, /\w/, 'with what to do')
  }
  noSecrets(t, bad, secrets, 'no secret is in that either')
}

function opened<S, R, M>(
  { channel }: ChannelHarness<S, R, M>,
  raw: RawSettings,
): { open: OpenChannel<M>; send: () => Promise<Outcome> } {
  const receiver = channel.receiver.parse(raw.receiver)
  const open = channel.open(
    channel.settings.parse(raw.settings),
    new Map([['deal-flow', receiver]]),
    channelEnvironment(),
  )
  return { open, send }

  async function send(): Promise<Outcome> {
    const rendered = compiledTemplate(channel, 'default').renderer.render(exampleView())
    if (!rendered.ok) throw new Error(rendered.reason)
    const [first]: readonly (Target | undefined)[] = channel.targets(receiver, 'deal-flow')
    if (first === undefined) throw new Error('no target')
    return open.send(rendered.message, {
      id: 'evt_1-1',
      receiver: 'deal-flow',
      target: first.target,
      ...alone,
    })
  }
}

function compiledTemplate<S, R, M>(channel: Channel<S, R, M>, name: string): { renderer: Renderer<M> } {
  const compiled = channel.compile(readTemplate(name, channel))
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join())
  return compiled
}

function noSecrets(t: Test, value: unknown, secrets: readonly string[], message: string): void {
  const text = JSON.stringify(value)
  t.strictSame(
    secrets.filter((secret) => text.includes(secret)),
    [],
    message,
  )
}
