/** The methods conversations.info and conversations.list. */
import { type Arguments, failure, missingScope, type SlackAnswer, success } from './answer.ts'
import { channelId, ID, isMember, isPrivate, nameOf, scopesOf, type Workspace } from './workspace.ts'

const USUAL_LIMIT = 100
const LARGEST_LIMIT = 1_000

export function conversationsInfo(workspace: Workspace, args: Arguments): SlackAnswer {
  const { channel: id } = args
  if (typeof id !== 'string' || !ID.test(id)) return failure('channel_not_found')
  const name = nameOf(workspace, id)
  const denied = missingScope(
    [isPrivate(workspace, name) ? 'groups:read' : 'channels:read'],
    scopesOf(workspace),
  )
  if (denied !== null) return denied
  const hidden = isPrivate(workspace, name) && !isMember(workspace, name)
  if (hidden || workspace.options.unknown?.includes(name)) return failure('channel_not_found')
  return success({ channel: channelOf(workspace, name) })
}

export function conversationsList(workspace: Workspace, args: Arguments): SlackAnswer {
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

export function cursor(at: number): string {
  return Buffer.from(`next:${at}`).toString('base64')
}

export function readCursor(text: unknown): number | null {
  const [, at] = /^next:(\d+)$/.exec(Buffer.from(String(text), 'base64').toString()) ?? []
  return at === undefined ? null : Number(at)
}
