import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Option } from 'commander'
import { channels } from '../../channels/channels.ts'
import type { ChannelPreview } from '../../channels/preview.ts'
import { SAMPLE_ID } from '../../config/checks/tests/simulate.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import { meant } from '../../config/problem.ts'
import { sampleEnrichment } from '../../core/enrichment/sample.ts'
import type { Event, LifecycleView } from '../../core/event.ts'
import { plan, skippedBecause } from '../../core/routing/plan.ts'
import { type Preview, type PreviewDeps, preview, type Wanted } from '../../core/template/preview.ts'
import { load } from '../config/load.ts'
import { type Context, type Define, fromHere } from '../context.ts'
import { type Conversations, conversationsOf, decisionJson } from '../conversations.ts'
import { type EventInputFlags, readEventInput, takesEvent } from '../event-input.ts'
import { writing } from '../named-file.ts'
import { CommandError, colour, printable, printJson } from '../terminal/terminal.ts'
import { type PageContent, previewPage } from './page.ts'
import { type Addressee, parseAddressee, printSendings, type Sending, sendPreviews } from './send.ts'
import { nameOf, printPreview } from './text.ts'

interface PreviewFlags extends EventInputFlags, Wanted {
  readonly html?: string
  readonly to?: readonly string[]
  readonly json?: boolean
}

export const definePreview: Define = (command, context) => {
  takesEvent(command)
    .option('--template <name>', 'render this template instead of those that the routes choose')
    .addOption(
      new Option('--channel <name>', 'only messages for this channel').choices(
        channels.map(({ name }) => name),
      ),
    )
    .option('--receiver <name>', 'only messages for this receiver')
    .option('--html <file>', 'write an HTML page that shows the messages (- for standard output)')
    .option(
      '--to <channel:address>',
      'send the messages there, marked as a preview: slack:@me, slack:#test, email:me@example.com; may be repeated',
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .option('--json', 'print the messages as JSON, as they would be sent')
    .action((named: string | undefined, flags: PreviewFlags) => previewCommand(context, named, flags))
}

async function previewCommand(
  context: Context,
  named: string | undefined,
  flags: PreviewFlags,
): Promise<void> {
  const { terminal } = context
  if (flags.html === '-' && flags.json) {
    throw new CommandError('--html - and --json both want standard output; name a file for the page', 2)
  }
  if (named === undefined && flags.type === undefined && flags.template === undefined) {
    throw new CommandError('which event? Pass a file, the id of a stored event, --type or --template', 2)
  }
  const compiled = load(context)
  checkNames(compiled, flags)
  const previews = await loadPreviews()
  const addressees = (flags.to ?? []).map((text) => parseAddressee(compiled, previews, text, flags.channel))
  const given = await readEventInput(context, compiled, named, sampleOf(named, flags))
  // A stored event has what was fetched for it, or nothing.
  const { enriched, madeUp } =
    given.id === SAMPLE_ID
      ? sampleEnrichment(compiled.config.enrich, given, given.enriched)
      : { enriched: given.enriched, madeUp: [] }
  const event = { ...given, enriched }
  const deps = partsOf(compiled)
  const conversations = await conversationsOf(context, compiled, event, plan(compiled, event).deliveries)
  const shown = previewOf(deps, event, flags, addressees, conversations.view)

  if (flags.html !== undefined)
    writePage(context, { compiled, previews, event, madeUp, preview: shown, wanted: flags }, flags.html)
  const speaks = !flags.json && flags.html !== '-'
  const framed = flags.html === undefined && addressees.length === 0
  if (speaks) printPreview(terminal, event, shown, { wanted: flags, madeUp, framed, conversations })
  const sendings = await sendPreviews(terminal, compiled, shown, addressees)
  if (flags.json)
    printJson(terminal, { ...asJson(event, shown, conversations), ...(flags.to && { sent: sendings }) })
  if (speaks) printSendings(terminal, sendings)
  conclude(shown, sendings)
}

/** Without an event, one of the type that the template is made for. */
function sampleOf(
  named: string | undefined,
  { type, data, source, enriched, template }: PreviewFlags,
): EventInputFlags {
  const made = named === undefined && type === undefined ? template : type
  return {
    ...(made && { type: made }),
    ...(data && { data }),
    ...(source && { source }),
    ...(enriched && { enriched }),
  }
}

function checkNames({ config, templates }: CompiledConfig, { template, receiver }: PreviewFlags): void {
  if (template !== undefined && !templates.names.has(template)) {
    throw new CommandError(`no template "${template}" (${meant(template, [...templates.names])})`, 2)
  }
  if (receiver !== undefined && !Object.hasOwn(config.receivers, receiver)) {
    throw new CommandError(`no receiver "${receiver}" (${meant(receiver, Object.keys(config.receivers))})`, 2)
  }
}

/** By channel; channels without a preview are left out. */
async function loadPreviews(): Promise<ReadonlyMap<string, ChannelPreview>> {
  const previews = new Map<string, ChannelPreview>()
  for (const { name, preview } of channels) if (preview) previews.set(name, await preview())
  return previews
}

function partsOf(compiled: CompiledConfig): PreviewDeps {
  const { router, destinations, templates, links, sourceTitle, lifecycles } = compiled
  const names = channels.map(({ name }) => name)
  return {
    router,
    destinations,
    lifecycles,
    links,
    sourceTitle,
    renderers: templates.renderers,
    channels: names,
  }
}

/** With `--to`, only the messages of the channels of those addresses. */
function previewOf(
  deps: PreviewDeps,
  event: Event,
  { template, receiver, channel }: PreviewFlags,
  addressees: readonly Addressee[],
  lifecycle: LifecycleView | null,
): Preview {
  const wanted = channel === undefined ? addressees.map((one) => one.channel.name) : [channel]
  if (wanted.length === 0) return preview(deps, event, { template, receiver }, lifecycle)
  const shown = [...new Set(wanted)].map((name) =>
    preview(deps, event, { template, receiver, channel: name }, lifecycle),
  )
  return {
    unrouted: shown.every(({ unrouted }) => unrouted),
    planned: shown.every(({ planned }) => planned),
    messages: shown.flatMap(({ messages }) => messages),
    skipped: shown.flatMap(({ skipped }) => skipped),
  }
}

function writePage(context: Context, content: Omit<PageContent, 'now' | 'timeZone'>, name: string): void {
  const { terminal } = context
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  const page = previewPage({ ...content, now: Date.now(), timeZone })
  if (name === '-') {
    terminal.out.write(page)
    return
  }
  const path = fromHere(context, name)
  writing(path, () => writeFileSync(path, page))
  terminal.err.write(
    `${colour(terminal, 'green', `${name} is written; open it in a browser:`)} ${pathToFileURL(path).href}\n`,
  )
}

function asJson(
  event: Event,
  { unrouted, planned, messages, skipped }: Preview,
  { decisionOf }: Conversations,
): object {
  return {
    event: { id: event.id, type: event.type, source: event.source, enriched: event.enriched },
    unrouted,
    planned,
    messages: messages.map(({ rendered, delivery, ...place }) => ({
      ...place,
      follow_up: decisionJson(decisionOf(delivery)),
      template: rendered.ok ? rendered.template : null,
      failed: rendered.failed,
      notes: rendered.notes,
      message: rendered.ok ? rendered.message : null,
    })),
    skipped: skipped.map((delivery) => ({
      route: delivery.route,
      receiver: delivery.receiver,
      channel: delivery.destination.channel,
      target: delivery.destination.target,
      reason: skippedBecause(delivery),
    })),
  }
}

function conclude({ messages }: Preview, sendings: readonly Sending[]): void {
  const failures = messages.flatMap((message) =>
    message.rendered.failed.map((name) => `template ${name} failed for ${nameOf(message)}`),
  )
  const unsent = sendings.filter(({ outcome }) => outcome.kind !== 'sent').length
  if (messages.length > 0 && failures.length + unsent === 0) return
  throw new CommandError(
    [
      ...failures.map(printable),
      ...(unsent > 0 ? [`${unsent} of ${sendings.length} previews not sent`] : []),
      ...(messages.length === 0 ? ['there is nothing to preview'] : []),
    ].join('; '),
  )
}
