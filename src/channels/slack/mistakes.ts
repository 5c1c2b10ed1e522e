/** What people write by mistake where a token or a channel is wanted; the messages never repeat a value that may be a secret. */

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^xapp-/, 'an app-level token (xapp-)'],
  [/^xoxe-/, 'a refresh token (xoxe-)'],
  [/^xoxe\.xoxp-/, 'a configuration token or a user token (xoxe.xoxp-)'],
  [/^xoxp-/, 'a user token (xoxp-), which posts in the name of a person'],
  [/^xoxa-/, 'a workspace token (xoxa-), which Slack retired'],
  [/^xox[cds]-/, 'a token of a browser session (xoxc-, xoxd-, xoxs-)'],
  [/^https?:\/\//, 'a URL; the URL of an incoming webhook belongs in webhook_url of a receiver'],
  [/^[0-9a-f]{32}$/, "a client secret or a signing secret of Slack's"],
]
const WANTED = 'put the bot token here: OAuth & Permissions > Bot User OAuth Token, xoxb-…'

/** Null if it may be a bot token. Servers that imitate Slack have tokens of other forms. */
export function tokenMistake(token: string): string | null {
  if (/[\r\n]/.test(token)) return 'contains a line break; it must be one line'
  if (/^["'`“”‘’]|["'`“”‘’]$/.test(token))
    return 'has quotes around it that are part of the value; remove them'
  if (/^Bearer\s/i.test(token)) return 'begins with "Bearer"; give only the token'
  if (/[^\x21-\x7e]/.test(token))
    return 'contains a space, or a character that tokens do not contain; copy it again'
  const kind = KINDS.find(([pattern]) => pattern.test(token))
  return kind === undefined ? null : `is ${kind[1]}; ${WANTED}`
}

export const CHANNEL_WORDS =
  'must be "#name" (in quotes: in YAML a bare # starts a comment) or an id such as C0123456789'
const LINK = /^https:\/\/[\w.-]+\/(?:archives|client\/[TE][A-Z0-9]+)\/([CDG][A-Z0-9]{6,})(?:[/?#]|$)/
const WEBHOOK = /^https:\/\/hooks\./

/** Why a text is not a channel, and what to write instead if that can be told from the text. */
export function channelMistake(text: unknown): string {
  if (typeof text !== 'string') return CHANNEL_WORDS
  const id = LINK.exec(text)?.[1]
  if (id !== undefined) return `is a URL; write the id in it: ${id}`
  if (WEBHOOK.test(text)) return 'is the URL of an incoming webhook, which is a secret; set it as webhook_url'
  if (/^[cdguw]0[a-z0-9]{7,}$/i.test(text)) return `ids are in capitals: write ${text.toUpperCase()}`
  if (/^#[^\s#@<>]{1,80}$/.test(text)) return `channel names have no capitals: write "${text.toLowerCase()}"`
  return CHANNEL_WORDS
}
