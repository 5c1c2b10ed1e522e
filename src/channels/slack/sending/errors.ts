/**
 * The errors that Slack names: all that are published for chat.postMessage, chat.update and for every method
 * (https://docs.slack.dev/reference/methods/chat.postMessage, chat.update), and those of incoming webhooks
 * (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
 */

export type Meaning =
  /** A person must act; `hint` says how. */
  | { readonly kind: 'park'; readonly hint: string; readonly webhookHint?: string }
  /** The message is the cause. */
  | { readonly kind: 'refuse'; readonly hint: string }
  /** Slack did not accept the message, but may do so later. */
  | { readonly kind: 'retry' }
  /** Slack may have posted the message before it failed. */
  | { readonly kind: 'ambiguous' }

const retry: Meaning = { kind: 'retry' }
const ambiguous: Meaning = { kind: 'ambiguous' }
const park = (hint: string, webhookHint = hint): Meaning => ({ kind: 'park', hint, webhookHint })
const refuse = (hint: string): Meaning => ({ kind: 'refuse', hint })

const anotherWebhook = "create another webhook on the app's page, and put its URL into webhook_url"
const elsewhere = (why: string): Meaning =>
  park(`${why}: choose another channel`, `${why}: ${anotherWebhook}`)
const noChannel = park(
  'correct the channel of the receiver (best by its id), or invite the app if {target} is private',
  `the channel of the webhook is gone; ${anotherWebhook}`,
)
const archived = park(
  'unarchive {target}, or choose another channel',
  `unarchive the channel of the webhook, or ${anotherWebhook}`,
)
const reinstall = park('install the app again, and put its new token into channels.slack.token')
const botToken = "put the app's bot token into channels.slack.token"
const tokenOfPerson = park(`the token belongs to a member who may not post: ${botToken}`)
const notAllowed = park(
  'ask an administrator of the workspace to let the app post in {target}, or choose another channel',
  'ask an administrator of the workspace to let the webhook post',
)
const outdated = park(
  'Slack no longer has this method: install a newer version of Hookbridge; where channels.slack.api_url is set, check it',
)
const garbled = park(
  'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it',
)
const ourMistake = park(
  'this is a bug in Hookbridge: please report it, and install the version that fixes it',
)
const template = refuse('correct the template, slack.yaml')
const shorter = refuse('shorten the template, slack.yaml')
const silent = refuse('the message has no text: correct the key text of the template, slack.yaml')
const sharedContent = refuse(
  'remove links to Slack files, canvases and lists from slack.yaml: {target} is shared with another organisation',
)

const meanings: Readonly<Record<string, Meaning>> = {
  // Of the channel.
  not_in_channel: park('invite the app to {target}: write /invite and its name there'),
  channel_not_found: noChannel,
  invalid_channel: noChannel,
  is_archived: archived,
  channel_is_archived: archived,
  team_not_found: park('the app belongs to an organisation: write the id of the channel'),
  messages_tab_disabled: park('switch on the Messages Tab in the App Home of the app'),
  cannot_dm_bot: park('{target} is a bot, and does not accept messages: choose another recipient'),
  user_not_found: park(
    'there is no such member: correct the channel of the receiver',
    `the member that the webhook writes to is gone; ${anotherWebhook}`,
  ),
  user_disabled: park('the member is deactivated: choose another recipient'),
  ekm_access_denied: notAllowed,
  restricted_action: notAllowed,
  restricted_action_read_only_channel: elsewhere('{target} is read-only'),
  restricted_action_thread_only_channel: elsewhere('{target} accepts only replies in threads'),
  restricted_action_non_threadable_channel: elsewhere('{target} does not accept replies'),
  restricted_action_thread_locked: park(
    'the thread is locked: ask an administrator of the workspace to unlock it',
  ),
  cannot_reply_to_message: park(
    'the first message of the conversation does not accept replies: set follow_up of the receiver to post',
  ),
  posting_to_general_channel_denied: park(
    'ask an administrator to let the app post in the general channel, or choose another channel',
    `ask an administrator to let apps post in the general channel, or ${anotherWebhook}`,
  ),

  // Of the app and its token.
  missing_scope: park('give the app the scope {scope} (OAuth & Permissions), and reinstall it'),
  invalid_auth: park(
    `${botToken}; if it is there already, add the address of this machine to the app's Allowed IP Address Ranges`,
  ),
  not_authed: park(
    `${botToken}; if it is there already, a proxy removes the Authorization header: correct the proxy`,
  ),
  not_allowed_token_type: park(`${botToken}; this one is of another kind`),
  account_inactive: reinstall,
  token_revoked: reinstall,
  token_expired: park(
    'the app rotates its tokens, so that each expires after 12 hours: create an app without token rotation ("hookbridge slack-manifest"), and put its token into channels.slack.token',
  ),
  no_permission: park('invite the app to {target}: write /invite and its name there'),
  access_denied: notAllowed,
  team_access_not_granted: park('ask an administrator to grant the app this workspace'),
  enterprise_is_restricted: park('install the app in a workspace, not in the organisation; use that token'),
  accesslimited: park('ask an administrator of the workspace to allow this network'),
  two_factor_setup_required: tokenOfPerson,
  user_is_restricted: tokenOfPerson,

  // Of a webhook.
  no_service: park(`the webhook is removed or switched off; ${anotherWebhook}`),
  no_service_id: park('webhook_url is incomplete: copy it again'),
  no_active_hooks: park(`the webhook is switched off; ${anotherWebhook}`),
  no_team: park('the workspace is gone; put the webhook of another one into webhook_url'),
  team_disabled: park('the workspace is switched off; ask its owner, or use a webhook of another one'),
  invalid_token: park(`the webhook is no longer valid; ${anotherWebhook}`),
  action_prohibited: notAllowed,

  // Of the message.
  invalid_blocks: template,
  invalid_blocks_format: template,
  msg_blocks_too_long: shorter,
  msg_too_long: shorter,
  attachment_payload_limit_exceeded: shorter,
  no_text: silent,
  missing_text_or_fallback_or_attachments: silent,
  invalid_arguments: template,
  invalid_payload: template,
  too_many_attachments: template,
  too_many_contact_cards: template,
  invalid_attachments: template,
  missing_file_data: template,
  slack_connect_canvas_sharing_blocked: sharedContent,
  slack_connect_file_link_sharing_blocked: sharedContent,
  slack_connect_lists_sharing_blocked: sharedContent,

  // Of an edit. After other errors of an edit, the conversation restarts (conversation.ts).
  is_inactive: archived,
  update_failed: ambiguous,

  // Of the request.
  invalid_charset: garbled,
  invalid_form_data: garbled,
  invalid_post_type: garbled,
  missing_post_type: garbled,
  invalid_json: garbled,
  json_not_object: garbled,
  invalid_arg_name: ourMistake,
  invalid_array_arg: ourMistake,
  as_user_not_supported: ourMistake,
  markdown_text_conflict: ourMistake,
  invalid_metadata_format: ourMistake,
  invalid_metadata_schema: ourMistake,
  metadata_too_large: ourMistake,
  metadata_must_be_sent_from_app: park(`only an app may post message metadata: ${botToken}`),
  duplicate_channel_not_found: ourMistake,
  duplicate_message_not_found: ourMistake,
  deprecated_endpoint: outdated,
  method_deprecated: outdated,
  unknown_method: outdated,
  upgrade_required: outdated,

  // Temporary.
  ratelimited: retry,
  rate_limited: retry,
  // A workspace of the free plan gets too many messages in a short time; to webhooks as a 429
  // (https://slack.com/help/articles/115002422943, https://github.com/slack-go/slack/pull/1383).
  message_limit_exceeded: retry,
  service_unavailable: retry,
  // Only a part of the request arrived, and it was not carried out.
  request_timeout: retry,
  // The workspace, or the channel, is being moved.
  team_added_to_org: retry,
  org_login_required: retry,
  migration_in_progress: retry,
  external_channel_migrating: retry,
  // "It's possible some aspect of the operation succeeded before the error was raised."
  internal_error: ambiguous,
  fatal_error: ambiguous,
  rollup_error: ambiguous,
}

const PASSES =
  /unavailable|timeout|timed_out|try_again|temporar|overload|busy|migrating|in_progress|rate_?limit|too_many_requests/

/**
 * What an error means that no table contains. The names of temporary errors usually say so. Any other new name is
 * most likely a new rule or permission: the message is parked at once, with the name and Slack's words. That costs a resend if it
 * was temporary, but retrying would hide for a day what only people can correct.
 */
export const unknownError = park(
  'an error that this version does not know: look it up at https://docs.slack.dev/reference/methods/chat.postMessage, and correct its cause',
)

/** Null if it is not the name of an error. */
export function meaningOf(name: unknown): Meaning | null {
  if (!isErrorName(name)) return null
  if (Object.hasOwn(meanings, name)) return meanings[name] ?? unknownError
  if (name.startsWith('restricted_action')) return notAllowed
  if (PASSES.test(name)) return retry
  return /(?:^|_)error$/.test(name) ? ambiguous : unknownError
}

/** Whether the tables contain it: in a plain-text answer, other words may mean anything. */
export function isKnownError(name: string): boolean {
  return Object.hasOwn(meanings, name)
}

export function isErrorName(name: unknown): name is string {
  return typeof name === 'string' && /^[a-z0-9_]{1,64}$/.test(name)
}

export interface HintContext {
  /** The outcome for the delivery. */
  readonly target: string
  readonly isWebhook: boolean
  /** The scope that Slack says is missing. */
  readonly scope?: string
}

/** What a person can do about it; empty if it may be temporary. */
export function hintOf(meaning: Meaning, { target, isWebhook, scope = 'chat:write' }: HintContext): string {
  if (meaning.kind === 'retry' || meaning.kind === 'ambiguous') return ''
  const hint = meaning.kind === 'park' && isWebhook ? (meaning.webhookHint ?? meaning.hint) : meaning.hint
  const place = isWebhook ? 'the channel' : target
  return hint.replace('{target}', place).replace('{scope}', scope)
}

/** What a person can do about one of Slack's errors, for a channel or the token. */
export function hintFor(name: string, target: string): string {
  return hintOf(meaningOf(name) ?? unknownError, { target, isWebhook: false })
}
