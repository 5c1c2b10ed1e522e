/** Checks the token, and whether the app may post to each channel; posts nothing. */
import type { WebClient } from '@slack/web-api'
import { type Finding, fine, unknown, wrong } from '../../../core/finding.ts'
import { ownProperty } from '../../../core/json/json.ts'
import { redact } from '../../../core/secret.ts'
import type { Proxies } from '../../../network/proxies.ts'
import type { ChannelDoctor } from '../../doctor.ts'
import { type Lookup, lookUpChannels, readerOf } from '../directory.ts'
import { isChannel } from '../manifest.ts'
import { slackSecrets } from '../secrets.ts'
import { openClient } from '../sending/client.ts'
import { hintFor } from '../sending/errors.ts'
import type { AttemptContext, FailedCall } from '../sending/outcome.ts'
import { openTransport } from '../sending/transport.ts'
import { type SlackReceiver, type SlackSettings, slackSettings } from '../settings.ts'
import { slackTarget } from '../target.ts'

const PARKED = 'Slack refuses every message to it; the messages are parked until this is fixed.'
const CONNECTIONS = 4

export const slackDoctor: ChannelDoctor<SlackSettings, SlackReceiver> = {
  check: (settings, receivers, timeoutMs, proxies) =>
    checkSlack(settings ?? slackSettings.parse({}), receivers, timeoutMs, proxies),
}

async function checkSlack(
  settings: SlackSettings,
  receivers: ReadonlyMap<string, SlackReceiver>,
  timeoutMs: number,
  proxies: Proxies,
): Promise<readonly Finding[]> {
  const transport = openTransport(CONNECTIONS, {
    timeout: timeoutMs,
    proxies,
    now: Date.now,
    beganAt: performance.timeOrigin,
  })
  const secrets = slackSecrets(settings, receivers)
  const context: AttemptContext = { target: 'the channel', timeout: timeoutMs, secrets }
  try {
    const client = openClient(settings, transport)
    const found = client === null ? [] : await checkToken(client, receivers, settings, context, proxies)
    return [...found, ...webhookNotes(receivers)]
  } finally {
    await transport.close()
  }
}

async function checkToken(
  client: WebClient,
  receivers: ReadonlyMap<string, SlackReceiver>,
  { api_url }: SlackSettings,
  context: AttemptContext,
  proxies: Proxies,
): Promise<Finding[]> {
  const read = readerOf(client, context)
  const authenticated = await read('auth.test', {})
  if (!authenticated.ok) return [refusedToken(authenticated.failed, api_url)]
  const { answer } = authenticated
  const words = (key: string) => redact(String(ownProperty(answer, key) ?? '?'), context.secrets).slice(0, 80)
  const scopes = scopesOf(answer)
  const channels = receiversByChannel(receivers)
  const looked = await lookUpChannels(read, [...channels.keys()], scopes)
  const proxy = proxies.for(new URL(api_url))
  const way = proxy === null ? '' : `, through the proxy ${proxy.name}`
  return [
    fine('token_ok', `the token is accepted: ${words('user')} in ${words('team')}${way}`),
    scopeFinding(scopes),
    ...classifyAll(looked, channels, scopes),
    ...(scopes === null ? [] : historyFinding(looked, scopes)),
  ]
}

/** Whether it can be looked up if a message arrived, after an attempt without an answer. */
function historyFinding(looked: ReadonlyMap<string, Lookup>, scopes: readonly string[]): Finding[] {
  const needed = [...looked].map(([channel, lookup]) => {
    if (!isChannel(channel)) return 'im:history'
    return lookup.kind === 'found' && lookup.private ? 'groups:history' : 'channels:history'
  })
  const missing = [...new Set(needed)].filter((scope) => !scopes.includes(scope))
  if (needed.length === 0) return []
  if (missing.length === 0)
    return [fine('lookups_ok', 'whether a message arrived is looked up before it is sent again')]
  const summary = `whether a message arrived cannot be looked up: the app lacks the scope ${missing.join(' and ')}`
  const meaning = 'A message whose attempt ended without an answer may arrive twice.'
  const hint = `add ${missing.join(' and ')} to the app and reinstall it, or ignore this: posting does not need it`
  return [unknown('lookups_unavailable', summary, meaning, hint)]
}

function scopesOf(answer: unknown): readonly string[] | null {
  const scopes = ownProperty(ownProperty(answer, 'response_metadata'), 'scopes')
  return Array.isArray(scopes) ? scopes.map(String).filter((scope) => /^[\w:.-]{1,64}$/.test(scope)) : null
}

/** An answer is never the fault of the network, and an answer that is not Slack's is never the fault of the token. */
function refusedToken({ from, reason, hint }: FailedCall, apiUrl: string): Finding {
  const waiting = 'Messages to Slack are retried until they are delivered or dead.'
  const parking = 'No message to Slack can be sent; messages are parked.'
  if (from === 'network') {
    const summary = `Slack cannot be reached: ${reason}`
    const look = `check that this machine reaches ${apiUrl} (network, proxy, DNS), then run this again`
    return wrong('slack_unreachable', summary, waiting, hint || look)
  }
  if (hint === '') {
    const look = 'run this again later; https://slack-status.com shows the status of Slack'
    return wrong('slack_failing', `${apiUrl} answers, but with a temporary error: ${reason}`, waiting, look)
  }
  if (from === 'slack')
    return wrong('token_refused', `Slack does not accept the token: ${reason}`, parking, hint)
  return wrong('slack_wrong_answer', `${apiUrl} answers, but not as Slack does: ${reason}`, parking, hint)
}

function scopeFinding(scopes: readonly string[] | null): Finding {
  if (scopes === null) {
    return unknown(
      'scopes_unknown',
      'Slack does not say which scopes the app has',
      '',
      "it needs chat:write; look at the app's page",
    )
  }
  const listed = scopes.length === 0 ? 'none' : scopes.join(', ')
  if (scopes.includes('chat:write')) return fine('scopes_ok', `its scopes: ${listed}`)
  return wrong(
    'scope_missing',
    `the app lacks the scope chat:write (it has: ${listed})`,
    'It cannot post at all: messages are parked.',
    hintFor('missing_scope', ''),
  )
}

function receiversByChannel(
  receivers: ReadonlyMap<string, SlackReceiver>,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const [name, { channel }] of receivers) {
    if (channel !== undefined) found.set(channel, [...(found.get(channel) ?? []), name])
  }
  return found
}

/** Channels that could not be looked up for one reason are one finding. */
function classifyAll(
  lookups: ReadonlyMap<string, Lookup>,
  channels: ReadonlyMap<string, readonly string[]>,
  scopes: readonly string[] | null,
): Finding[] {
  const unchecked = new Map<string, { names: string[]; hint: string }>()
  const findings: Finding[] = []
  for (const [channel, lookup] of lookups) {
    if (lookup.kind === 'unchecked') {
      const same = unchecked.get(lookup.why) ?? { names: [], hint: lookup.hint }
      same.names.push(channel)
      unchecked.set(lookup.why, same)
    } else
      findings.push(
        classify(`${channel} (${(channels.get(channel) ?? []).join(', ')})`, channel, lookup, scopes),
      )
  }
  const meaning = 'Only the first message shows whether the app may post there.'
  return [
    ...findings,
    ...[...unchecked].map(([why, { names, hint }]) =>
      unknown('channel_unchecked', `${names.join(', ')} could not be checked: ${why}`, meaning, hint),
    ),
  ]
}

function classify(
  shown: string,
  channel: string,
  lookup: Exclude<Lookup, { kind: 'unchecked' }>,
  scopes: readonly string[] | null,
): Finding {
  if (lookup.kind === 'absent') {
    const hint = hintFor('channel_not_found', channel)
    return wrong('channel_not_found', `${shown}: the app cannot find this channel`, PARKED, hint)
  }
  if (lookup.archived) {
    return wrong('is_archived', `${shown} is archived`, PARKED, hintFor('is_archived', channel))
  }
  if (lookup.member) return fine('channel_ok', `${shown}: the app is in the channel`)
  if (!lookup.private && scopes?.includes('chat:write.public'))
    return fine('channel_ok', `${shown}: the app may post without being in the channel`)
  const invite = hintFor('not_in_channel', channel)
  const hint = lookup.private
    ? invite
    : `${invite}; or add the scope chat:write.public to the app and reinstall it`
  return wrong('not_in_channel', `${shown}: the app is not in the channel`, PARKED, hint)
}

function webhookNotes(receivers: ReadonlyMap<string, SlackReceiver>): Finding[] {
  const names = [...receivers].flatMap(([name, receiver]) =>
    receiver.webhook_url === undefined ? [] : [slackTarget(receiver, name)],
  )
  if (names.length === 0) return []
  const why = 'An incoming webhook cannot be tested without posting a message.'
  const summary = `${names.join(', ')} could not be checked`
  return [unknown('webhook_unchecked', summary, why, 'post one: "hookbridge send --type TYPE"')]
}
