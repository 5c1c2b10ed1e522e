/** The stand-in's channels: which there are, and what conversations.info and conversations.list say of them. */
import { type Answer, failure, missingScope, success } from './slack-answer.ts'
import type { Workspace } from './slack-workspace.ts'

type Arguments = Readonly<Record<string, unknown>>

const ID = /^[CDGUW][A-Z0-9]{6,}$/
const USUAL_LIMIT = 100
const LARGEST_LIMIT = 1_000

/** The id of a channel that a request names, by its name or its id. */
export function channelId({ channelIds }: Workspace, channel: string): string {
  if (ID.test(channel)) return channel
  const id = channelIds.get(channel) ?? `C${String(channelIds.size + 1).padStart(10, '0')}`
  channelIds.set(channel, id)
  return id
}

export function scopesOf({ options }: Workspace): readonly string[] {
  return options.scopes ?? ['chat:write', 'channels:read', 'groups:read']
}

export function isPrivate({ options }: Workspace, channel: string): boolean {
  return options.privateChannels?.includes(channel) === true
}

function isMember({ options }: Workspace, channel: string): boolean {
  return options.notJoined?.includes(channel) !== true
}

export function conversationsInfo(workspace: Workspace, args: Arguments): Answer {
  const { channel: id } = args
  if (typeof id !== 'string' || !ID.test(id)) return failure('channel_not_found')
  const name = [...workspace.channelIds].find(([, known]) => known === id)?.[0] ?? id
  const denied = missingScope(
    [isPrivate(workspace, name) ? 'groups:read' : 'channels:read'],
    scopesOf(workspace),
  )
  if (denied !== null) return denied
  const hidden = isPrivate(workspace, name) && !isMember(workspace, name)
  if (hidden || workspace.options.unknown?.includes(name)) return failure('channel_not_found')
  return success({ channel: channelOf(workspace, name) })
}

export function conversationsList(workspace: Workspace, args: Arguments): Answer {
  const types = (typeof args.types === 'string' ? args.types : 'public_channel').split(',')
  for (const [type, scope] of [
    ['public_channel', 'channels:read'],
    ['private_channel', 'groups:read'],
  ] as const) {
    const denied = types.includes(type) ? missingScope([scope], scopesOf(workspace)) : null
    if (denied !== null) return denied
  }
  const from = args.cursor === undefined || args.cursor === '' ? 0 : readCursor(args.cursor)
  if (from === null) return failure('invalid_cursor')
  const limit = Math.min(Number(args.limit) || USUAL_LIMIT, LARGEST_LIMIT)
  const listed = existing(workspace)
    .filter((name) => types.includes(isPrivate(workspace, name) ? 'private_channel' : 'public_channel'))
    .filter((name) => !isPrivate(workspace, name) || isMember(workspace, name))
    .map((name) => channelOf(workspace, name))
    .filter(({ is_archived }) => String(args.exclude_archived) !== 'true' || !is_archived)
  const to = from + limit
  return success({
    channels: listed.slice(from, to),
    response_metadata: { next_cursor: to < listed.length ? cursor(to) : '' },
  })
}

/** The channels that have a name: a request may name others, which then exist too. */
function existing({ options, channelIds }: Workspace): string[] {
  const {
    channels = ['#general', '#deal-flow'],
    notJoined = [],
    archived = [],
    privateChannels = [],
  } = options
  const all = new Set([...channels, ...notJoined, ...archived, ...privateChannels, ...channelIds.keys()])
  return [...all].filter((name) => name.startsWith('#') && !options.unknown?.includes(name))
}

function channelOf(workspace: Workspace, name: string) {
  return {
    id: channelId(workspace, name),
    name: name.replace(/^#/, '').toLowerCase(),
    is_channel: true,
    is_private: isPrivate(workspace, name),
    is_archived: workspace.options.archived?.includes(name) === true,
    is_member: isMember(workspace, name),
  }
}

function cursor(at: number): string {
  return Buffer.from(`next:${at}`).toString('base64')
}

function readCursor(text: unknown): number | null {
  const [, at] = /^next:(\d+)$/.exec(Buffer.from(String(text), 'base64').toString()) ?? []
  return at === undefined ? null : Number(at)
}
