/** Looks channels up in Slack, as far as the app's scopes allow. */
import type { WebClient } from '@slack/web-api'
import { isObject, ownProperty } from '../../core/json/json.ts'
import { type AttemptContext, type FailedCall, failedCall } from './sending/outcome.ts'

/** Calls a method of the Web API. Never throws. */
export type Reader = (
  method: string,
  options: Record<string, unknown>,
) => Promise<
  { readonly ok: true; readonly answer: unknown } | { readonly ok: false; readonly failed: FailedCall }
>

export function readerOf(client: WebClient, context: AttemptContext): Reader {
  return async (method, options) => {
    try {
      return { ok: true, answer: await client.apiCall(method, options) }
    } catch (error) {
      return { ok: false, failed: failedCall(error, context) }
    }
  }
}

export type Lookup =
  | {
      readonly kind: 'found'
      readonly id: string
      readonly archived: boolean
      readonly member: boolean
      readonly private: boolean
    }
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'unchecked'
      readonly why: string
      readonly hint: string
      /** Slack answers about no channel at the moment. */
      readonly isSilent?: boolean
      /** Milliseconds that it asks us to wait. */
      readonly after?: number
    }

const PAGE = 1_000
// A larger workspace takes too long to list.
const MOST_PAGES = 20
const LATER = 'run this again later'

/** Stops at the first sign that Slack does not answer: what is left stays unchecked. */
export async function lookUpChannels(
  read: Reader,
  channels: readonly string[],
  scopes: readonly string[] | null,
): Promise<ReadonlyMap<string, Lookup>> {
  const found = new Map<string, Lookup>()
  const names = channels.filter((channel) => channel.startsWith('#'))
  for (const [name, lookup] of await lookUpNames(read, names, scopes)) found.set(name, lookup)
  let silent: Lookup | null = null
  for (const id of channels.filter((channel) => !channel.startsWith('#'))) {
    const lookup: Lookup = silent ?? (await lookUpId(read, id))
    if (lookup.kind === 'unchecked' && lookup.isSilent === true) silent = lookup
    found.set(id, lookup)
  }
  return found
}

async function lookUpId(read: Reader, id: string): Promise<Lookup> {
  if (!/^[CG]/.test(id)) {
    return { kind: 'unchecked', why: 'it is a conversation with a person', hint: '' }
  }
  const info = await read('conversations.info', { channel: id })
  if (info.ok) return foundChannel(ownProperty(info.answer, 'channel'))
  return info.failed.name === 'channel_not_found' ? { kind: 'absent' } : unchecked(info.failed)
}

/** No method of Slack's accepts a name, so it is searched for in the list of all channels. */
async function lookUpNames(
  read: Reader,
  names: readonly string[],
  scopes: readonly string[] | null,
): Promise<ReadonlyMap<string, Lookup>> {
  const found = new Map<string, Lookup>()
  if (names.length === 0) return found
  const isPrivateSeen = scopes?.includes('groups:read') === true
  const isPublicSeen = scopes === null || scopes.includes('channels:read')
  const types = [...(isPublicSeen ? ['public_channel'] : []), ...(isPrivateSeen ? ['private_channel'] : [])]
  const missing = missingScopes(isPublicSeen, isPrivateSeen)
  const listed = types.length === 0 ? null : await list(read, types, names)
  for (const name of names) {
    const lookup = listed?.channels.get(name.slice(1).toLowerCase())
    found.set(name, lookup ?? listed?.rest ?? missing ?? { kind: 'absent' })
  }
  return found
}

function missingScopes(isPublicSeen: boolean, isPrivateSeen: boolean): Lookup | null {
  if (isPublicSeen && isPrivateSeen) return null
  if (!isPublicSeen) return lacking('channels:read')
  const why = 'no public channel has this name, and private ones need the scope groups:read'
  return { kind: 'unchecked', why, hint: 'correct the name, or give the app groups:read and reinstall it' }
}

function lacking(scope: string): Lookup {
  const hint =
    scope === 'channels:read'
      ? 'add channels:read (and groups:read for private channels) to the app and reinstall it; posting needs neither'
      : `add ${scope} to the app and reinstall it; posting does not need it`
  return { kind: 'unchecked', why: `the app lacks the scope ${scope}`, hint }
}

/** `rest`: the result for channels that were not found before the list ended early; null if it was complete. */
async function list(
  read: Reader,
  types: readonly string[],
  names: readonly string[],
): Promise<{ readonly channels: ReadonlyMap<string, Lookup>; readonly rest: Lookup | null }> {
  const wanted = new Set(names.map((name) => name.slice(1).toLowerCase()))
  const channels = new Map<string, Lookup>()
  let cursor = ''
  for (let page = 0; page < MOST_PAGES; page++) {
    const options = { types: types.join(','), limit: PAGE, ...(cursor !== '' && { cursor }) }
    const listed = await read('conversations.list', options)
    if (!listed.ok) return { channels, rest: unchecked(listed.failed) }
    const entries = ownProperty(listed.answer, 'channels')
    for (const entry of Array.isArray(entries) ? entries : []) {
      const name = ownProperty(entry, 'name')
      if (typeof name === 'string' && wanted.has(name)) channels.set(name, foundChannel(entry))
    }
    const next = ownProperty(ownProperty(listed.answer, 'response_metadata'), 'next_cursor')
    if (typeof next !== 'string' || next === '' || channels.size === wanted.size)
      return { channels, rest: null }
    cursor = next
  }
  const why = `it is not among the first ${MOST_PAGES * PAGE} channels`
  return { channels, rest: { kind: 'unchecked', why, hint: 'name the channel by its id' } }
}

function foundChannel(channel: unknown): Lookup {
  if (!isObject(channel) || typeof channel.id !== 'string') {
    return { kind: 'unchecked', why: 'unrecognised answer', hint: LATER }
  }
  return {
    kind: 'found',
    id: channel.id,
    archived: channel.is_archived === true,
    member: channel.is_member === true,
    private: channel.is_private === true,
  }
}

function unchecked({ name, reason, hint, needed, after }: FailedCall): Lookup {
  if (name === 'missing_scope') return lacking(needed ?? 'channels:read')
  return hint === ''
    ? { kind: 'unchecked', why: reason, hint: LATER, isSilent: true, ...(after !== null && { after }) }
    : { kind: 'unchecked', why: reason, hint }
}
