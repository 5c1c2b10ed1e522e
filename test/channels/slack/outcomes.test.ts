/**
 * What becomes of a message, by what was answered and by whom: the class (retry: it was not taken, and may be later;
 * ambiguous: nobody can know; park: a person must act; refuse: the message is at fault), the reason, and the hint.
 */
import t, { type Test } from 'tap'
import type { OpenChannel } from '../../../src/channels/channel.ts'
import type { SlackMessage } from '../../../src/channels/slack/message.ts'
import { fromWebhook } from '../../../src/channels/slack/sending/outcome.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import { Secret } from '../../../src/core/secret.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment, IN_TIME_MS } from '../../support/channel-environment.ts'
import { type Misbehaviour, type SlackServer, startSlackServer } from '../../support/slack/server.ts'
import { until } from '../../support/until.ts'

const TOKEN = 'xoxb-the-token-of-this-test'
/** Of attempts that get no answer; all others have the time that a busy machine takes. */
const TIMEOUT_MS = 400
const HOOK = 'webhook:hook'
const message: SlackMessage = { text: 'hello', blocks: [] }

interface Sending {
  readonly server: SlackServer
  readonly open: OpenChannel<SlackMessage>
  /** Sends one message to a Slack that does this. */
  answered(how: Misbehaviour, target: string): Promise<Outcome>
}

async function start(t: Test): Promise<Sending> {
  const server = await startSlackServer({ token: TOKEN })
  const opened = (timeout: number) =>
    slack.open(
      slack.settings.parse({ token: TOKEN, api_url: server.url }),
      new Map([['hook', slack.receiver.parse({ webhook_url: server.webhookUrl })]]),
      channelEnvironment(timeout),
    )
  const open = opened(IN_TIME_MS)
  const hasty = opened(TIMEOUT_MS)
  t.teardown(async () => {
    await Promise.all([open.close(), hasty.close()])
    await server.close()
  })
  return {
    server,
    open,
    async answered(how, target) {
      const receiver = target === HOOK ? 'hook' : 'deals'
      const send = (channel: typeof open) =>
        channel.send(message, { id: 'dlv_1', receiver, target, ...alone })
      const hangs = how === 'hang' || how === 'accept-and-hang'
      if (hangs) {
        const { length } = server.messages
        server.behave = () => undefined
        await until(async () => (await send(hasty)).kind === 'sent', 'a connection')
        server.messages.splice(length)
      }
      server.behave = () => how
      return send(hangs ? hasty : open)
    },
  }
}

function reasonOf(outcome: Outcome): string {
  return outcome.kind === 'sent' ? JSON.stringify(outcome.reference) : outcome.reason
}

const json = (error: string, more = {}) => JSON.stringify({ ok: false, error, ...more })
const page = (title: string) =>
  `<!DOCTYPE html><html><head><title>${title}</title></head><body>…</body></html>`

type Kind = Outcome['kind']

t.test('every error that Slack publishes, and some more', async (t) => {
  const sending = await start(t)
  // The name, its class, and the hint, for a message to #deals.
  // biome-ignore format: a table, a row a line
  const published: readonly (readonly [string, Kind, string])[] = [
    // https://docs.slack.dev/reference/methods/chat.postMessage: errors of the method
    ['as_user_not_supported', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['channel_not_found', 'park', 'correct the channel of the receiver (best by its id), or invite the app if #deals is private'],
    ['duplicate_channel_not_found', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['duplicate_message_not_found', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['ekm_access_denied', 'park', 'ask an administrator of the workspace to let the app post in #deals, or choose another channel'],
    ['invalid_blocks', 'refuse', 'correct the template, slack.yaml'],
    ['invalid_blocks_format', 'refuse', 'correct the template, slack.yaml'],
    ['invalid_metadata_format', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['invalid_metadata_schema', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['is_archived', 'park', 'unarchive #deals, or choose another channel'],
    ['markdown_text_conflict', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['message_limit_exceeded', 'retry', ''],
    ['messages_tab_disabled', 'park', 'switch on the Messages Tab in the App Home of the app'],
    ['metadata_must_be_sent_from_app', 'park', "only an app may post message metadata: put the app's bot token into channels.slack.token"],
    ['metadata_too_large', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['msg_blocks_too_long', 'refuse', 'shorten the template, slack.yaml'],
    ['no_text', 'refuse', 'the message has no text: correct the key text of the template, slack.yaml'],
    ['not_in_channel', 'park', 'invite the app to #deals: write /invite and its name there'],
    ['rate_limited', 'retry', ''],
    ['restricted_action', 'park', 'ask an administrator of the workspace to let the app post in #deals, or choose another channel'],
    ['restricted_action_non_threadable_channel', 'park', '#deals does not accept replies: choose another channel'],
    ['restricted_action_read_only_channel', 'park', '#deals is read-only: choose another channel'],
    ['restricted_action_thread_locked', 'park', 'the thread is locked: ask an administrator of the workspace to unlock it'],
    ['restricted_action_thread_only_channel', 'park', '#deals accepts only replies in threads: choose another channel'],
    ['slack_connect_canvas_sharing_blocked', 'refuse', 'remove links to Slack files, canvases and lists from slack.yaml: #deals is shared with another organisation'],
    ['slack_connect_file_link_sharing_blocked', 'refuse', 'remove links to Slack files, canvases and lists from slack.yaml: #deals is shared with another organisation'],
    ['slack_connect_lists_sharing_blocked', 'refuse', 'remove links to Slack files, canvases and lists from slack.yaml: #deals is shared with another organisation'],
    ['team_not_found', 'park', 'the app belongs to an organisation: write the id of the channel'],
    ['too_many_attachments', 'refuse', 'correct the template, slack.yaml'],
    ['too_many_contact_cards', 'refuse', 'correct the template, slack.yaml'],
    ['cannot_reply_to_message', 'park', 'the first message of the conversation does not accept replies: set follow_up of the receiver to post'],
    ['missing_file_data', 'refuse', 'correct the template, slack.yaml'],
    ['attachment_payload_limit_exceeded', 'refuse', 'shorten the template, slack.yaml'],
    // The same page: errors of every method
    ['access_denied', 'park', 'ask an administrator of the workspace to let the app post in #deals, or choose another channel'],
    ['accesslimited', 'park', 'ask an administrator of the workspace to allow this network'],
    ['account_inactive', 'park', 'install the app again, and put its new token into channels.slack.token'],
    ['deprecated_endpoint', 'park', 'Slack no longer has this method: install a newer version of Hookbridge; where channels.slack.api_url is set, check it'],
    ['enterprise_is_restricted', 'park', 'install the app in a workspace, not in the organisation; use that token'],
    ['fatal_error', 'ambiguous', ''],
    ['internal_error', 'ambiguous', ''],
    ['invalid_arg_name', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['invalid_arguments', 'refuse', 'correct the template, slack.yaml'],
    ['invalid_array_arg', 'park', 'this is a bug in Hookbridge: please report it, and install the version that fixes it'],
    ['invalid_auth', 'park', "put the app's bot token into channels.slack.token; if it is there already, add the address of this machine to the app's Allowed IP Address Ranges"],
    ['invalid_charset', 'park', 'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it'],
    ['invalid_form_data', 'park', 'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it'],
    ['invalid_post_type', 'park', 'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it'],
    ['method_deprecated', 'park', 'Slack no longer has this method: install a newer version of Hookbridge; where channels.slack.api_url is set, check it'],
    ['missing_post_type', 'park', 'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it'],
    ['missing_scope', 'park', 'give the app the scope chat:write (OAuth & Permissions), and reinstall it'],
    ['no_permission', 'park', 'invite the app to #deals: write /invite and its name there'],
    ['not_allowed_token_type', 'park', "put the app's bot token into channels.slack.token; this one is of another kind"],
    ['not_authed', 'park', "put the app's bot token into channels.slack.token; if it is there already, a proxy removes the Authorization header: correct the proxy"],
    ['org_login_required', 'retry', ''],
    ['ratelimited', 'retry', ''],
    ['request_timeout', 'retry', ''],
    ['service_unavailable', 'retry', ''],
    ['team_access_not_granted', 'park', 'ask an administrator to grant the app this workspace'],
    ['team_added_to_org', 'retry', ''],
    ['token_expired', 'park', 'the app rotates its tokens, so that each expires after 12 hours: create an app without token rotation ("hookbridge slack-manifest"), and put its token into channels.slack.token'],
    ['token_revoked', 'park', 'install the app again, and put its new token into channels.slack.token'],
    ['two_factor_setup_required', 'park', "the token belongs to a member who may not post: put the app's bot token into channels.slack.token"],
  ]
  // biome-ignore format: a table, a row a line
  const unpublished: readonly (readonly [string, Kind, string])[] = [
    ['msg_too_long', 'refuse', 'shorten the template, slack.yaml'],
    ['invalid_channel', 'park', 'correct the channel of the receiver (best by its id), or invite the app if #deals is private'],
    ['cannot_dm_bot', 'park', '#deals is a bot, and does not accept messages: choose another recipient'],
    ['user_disabled', 'park', 'the member is deactivated: choose another recipient'],
    ['user_is_restricted', 'park', "the token belongs to a member who may not post: put the app's bot token into channels.slack.token"],
    ['unknown_method', 'park', 'Slack no longer has this method: install a newer version of Hookbridge; where channels.slack.api_url is set, check it'],
    ['upgrade_required', 'park', 'Slack no longer has this method: install a newer version of Hookbridge; where channels.slack.api_url is set, check it'],
    ['invalid_json', 'park', 'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it'],
    ['json_not_object', 'park', 'the request was changed on its way: fix the proxy in between; if there is none, this is a bug in Hookbridge: please report it'],
    ['migration_in_progress', 'retry', ''],
    ['external_channel_migrating', 'retry', ''],
    ['restricted_action_of_tomorrow', 'park', 'ask an administrator of the workspace to let the app post in #deals, or choose another channel'],
    ['search_unavailable', 'retry', ''],
    ['server_error', 'ambiguous', ''],
    ['never_heard_of', 'park', 'an error that this version does not know: look it up at https://docs.slack.dev/reference/methods/chat.postMessage, and correct its cause'],
  ]
  for (const [name, kind, hint] of [...published, ...unpublished]) {
    const outcome = await sending.answered({ status: 200, body: json(name) }, '#deals')
    t.equal(outcome.kind, kind, name)
    const expected = hint === '' ? name : `${name}: ${hint}; then resend`
    t.equal(reasonOf(outcome), expected, name)
  }

  // https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: the bare name, with a status
  // biome-ignore format: a table, a row a line
  const ofWebhooks: readonly (readonly [number, string, Kind, string])[] = [
    [400, 'invalid_payload', 'refuse', 'correct the template, slack.yaml'],
    [400, 'user_not_found', 'park', "the member that the webhook writes to is gone; create another webhook on the app's page, and put its URL into webhook_url"],
    [403, 'action_prohibited', 'park', 'ask an administrator of the workspace to let the webhook post'],
    [404, 'channel_not_found', 'park', "the channel of the webhook is gone; create another webhook on the app's page, and put its URL into webhook_url"],
    [410, 'channel_is_archived', 'park', "unarchive the channel of the webhook, or create another webhook on the app's page, and put its URL into webhook_url"],
    [429, 'message_limit_exceeded', 'retry', ''],
    [500, 'rollup_error', 'ambiguous', ''],
    [403, 'invalid_token', 'park', "the webhook is no longer valid; create another webhook on the app's page, and put its URL into webhook_url"],
    [403, 'no_active_hooks', 'park', "the webhook is switched off; create another webhook on the app's page, and put its URL into webhook_url"],
    [404, 'no_service', 'park', "the webhook is removed or switched off; create another webhook on the app's page, and put its URL into webhook_url"],
    [400, 'no_service_id', 'park', 'webhook_url is incomplete: copy it again'],
    [400, 'no_team', 'park', 'the workspace is gone; put the webhook of another one into webhook_url'],
    [403, 'team_disabled', 'park', 'the workspace is switched off; ask its owner, or use a webhook of another one'],
    [400, 'no_text', 'refuse', 'the message has no text: correct the key text of the template, slack.yaml'],
    [403, 'posting_to_general_channel_denied', 'park', "ask an administrator to let apps post in the general channel, or create another webhook on the app's page, and put its URL into webhook_url"],
    [400, 'too_many_attachments', 'refuse', 'correct the template, slack.yaml'],
    [400, 'missing_text_or_fallback_or_attachments', 'refuse', 'the message has no text: correct the key text of the template, slack.yaml'],
    [400, 'invalid_attachments', 'refuse', 'correct the template, slack.yaml'],
    [400, 'invalid_blocks', 'refuse', 'correct the template, slack.yaml'],
    [400, 'is_archived', 'park', "unarchive the channel of the webhook, or create another webhook on the app's page, and put its URL into webhook_url"],
    [400, 'restricted_action_read_only_channel', 'park', "the channel is read-only: create another webhook on the app's page, and put its URL into webhook_url"],
  ]
  for (const [status, name, kind, hint] of ofWebhooks) {
    const outcome = await sending.answered({ status, body: name }, HOOK)
    t.equal(outcome.kind, kind, name)
    t.equal(reasonOf(outcome), hint === '' ? name : `${name}: ${hint}; then resend`, name)
  }
})

const RESEND = '; then resend'
const LOOK_API = 'check the proxy in between, and channels.slack.api_url'
const LOOK_HOOK = 'check the proxy in between, and webhook_url'
const NOT_SLACKS = "with an answer that is not Slack's"
const CUT = 'with an incomplete answer'
const NAMED = 'not an answer from Slack, which names its errors: check the proxy in between, and'
const MOVED = 'if the address has changed, put the new one into'
const LOGIN_PAGE = 'if a proxy redirects to its login or to a page that blocks, allow this machine there'
const ENVOY = 'upstream connect error or disconnect/reset before headers. reset reason: '

t.test('answers that name no error, to the Web API', async (t) => {
  const sending = await start(t)
  // biome-ignore format: a table, a row a line
  const cases: readonly Answered[] = [
    // Who says what, class, reason.
    ['a portal', { status: 200, body: page('Sign in') }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API} (a page: Sign in)`],
    ['a proxy', { status: 200, body: '' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API}`],
    ['a proxy', { status: 200, body: '<p> \n' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API} (an empty page)`],
    ['a webhook', { status: 200, body: 'ok' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API} (ok)`],
    ['a server', { status: 200, body: '{}' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API}`],
    ['a server', { status: 200, body: '[]' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API} ([])`],
    ['a server', { status: 200, body: 'null' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API} (null)`],
    ['a server', { status: 204, body: '' }, 'ambiguous', `HTTP 204 ${NOT_SLACKS}: ${LOOK_API}`],
    ['a server', { status: 202, body: '{"ok":true}' }, 'ambiguous', `HTTP 202 ${NOT_SLACKS}: ${LOOK_API}`],
    ['Slack, cut off', { status: 200, body: '{"ok":true,"chan' }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API} ({"ok":true,"chan)`],
    ['Slack', { status: 200, body: '{"ok":false}' }, 'park', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API}${RESEND}`],
    // Redirects lead nowhere.
    ['a proxy', redirect(302, 'https://login.example/start?url=x#y'), 'park', `HTTP 302, a redirect to https://login.example/start?…: ${MOVED} channels.slack.api_url; ${LOGIN_PAGE}${RESEND}`],
    // Requests that were not carried out, and will not be.
    ['a proxy', { status: 400, body: page('Bad Request') }, 'park', `HTTP 400: ${NAMED} channels.slack.api_url${RESEND} (a page: Bad Request)`],
    ['a proxy', { status: 401, body: '' }, 'park', `HTTP 401: ${NAMED} channels.slack.api_url${RESEND}`],
    ['a firewall', { status: 403, body: page('Blocked by policy') }, 'park', `HTTP 403: ${NAMED} channels.slack.api_url${RESEND} (a page: Blocked by policy)`],
    ['a server', { status: 404, body: '{"message":"no Route matched"}' }, 'park', `HTTP 404: nothing at this address accepts messages: correct channels.slack.api_url${RESEND} (no Route matched)`],
    ['a proxy', { status: 407, body: '' }, 'park', `HTTP 407: the proxy asks for a login: put user and password into the URL in HTTPS_PROXY${RESEND}`],
    ['a server', { status: 410, body: 'Gone' }, 'park', `HTTP 410: correct channels.slack.api_url${RESEND} (Gone)`],
    ['a proxy', { status: 413, body: page('413 Request Entity Too Large') }, 'refuse', `HTTP 413: a proxy in between refuses messages of this size: shorten the template, slack.yaml, or raise its limit${RESEND} (a page: 413 Request Entity Too Large)`],
    ['a proxy', { status: 501, body: '' }, 'park', `HTTP 501: the proxy in between does not support this request: fix it, or bypass it${RESEND}`],
    ['a hotel', { status: 511, body: page('Welcome') }, 'park', `HTTP 511: the network asks for a login: log in, or have this machine exempted${RESEND} (a page: Welcome)`],
    // Not carried out, and perhaps later.
    ['a proxy', { status: 408, body: '' }, 'retry', 'HTTP 408'],
    ['a proxy', { status: 425, body: '' }, 'retry', 'HTTP 425'],
    ['a proxy', { status: 503, body: page('503 No server is available') }, 'retry', 'HTTP 503 (a page: 503 No server is available)'],
    ['Envoy', { status: 503, body: 'no healthy upstream' }, 'retry', 'HTTP 503 (no healthy upstream)'],
    ['Envoy', { status: 503, body: `${ENVOY}connection failure` }, 'retry', `HTTP 503 (${ENVOY}connection failure)`],
    ['Cloudflare', { status: 521, body: '' }, 'retry', 'HTTP 521'],
    // It failed, or lost the connection, after it may have passed the request on.
    ['Slack', { status: 500, body: '', accept: true }, 'ambiguous', 'HTTP 500'],
    ['nginx', { status: 502, body: page('502 Bad Gateway'), accept: true }, 'ambiguous', 'HTTP 502 (a page: 502 Bad Gateway)'],
    ['a gateway', { status: 504, body: 'upstream request timeout', accept: true }, 'ambiguous', 'HTTP 504 (upstream request timeout)'],
    ['Envoy', { status: 503, body: `${ENVOY}connection termination`, accept: true }, 'ambiguous', `HTTP 503 (${ENVOY}connection termination)`],
    ['Varnish', { status: 503, body: page('503 Backend fetch failed') }, 'ambiguous', 'HTTP 503 (a page: 503 Backend fetch failed)'],
    ['Cloudflare', { status: 520, body: '' }, 'ambiguous', 'HTTP 520'],
    ['Cloudflare', { status: 524, body: '' }, 'ambiguous', 'HTTP 524'],
    // The name of an error says more than the status.
    ['Slack', { status: 503, body: json('service_unavailable') }, 'retry', 'service_unavailable'],
    ['Slack', { status: 500, body: json('fatal_error') }, 'ambiguous', 'fatal_error'],
    ['Slack', { status: 403, body: json('invalid_auth') }, 'park', /^invalid_auth: put/],
    ['Slack', { status: 400, body: json('invalid_blocks') }, 'refuse', /^invalid_blocks: correct/],
    ['a server', { status: 403, body: '{"error":"forbidden"}' }, 'park', `HTTP 403: ${NAMED} channels.slack.api_url${RESEND} (forbidden)`],
    ['Slack', { status: 200, body: json('Something went wrong.') }, 'park', `HTTP 200 ${NOT_SLACKS}: ${LOOK_API}${RESEND} (Something went wrong.)`],
    ['Slack', { status: 200, body: json('missing_scope', { needed: 'chat:write.public', provided: 'channels:read' }) }, 'park', `missing_scope: give the app the scope chat:write.public (OAuth & Permissions), and reinstall it${RESEND} (needed: chat:write.public; provided: channels:read)`],
    ['Slack', { status: 200, body: json('never_heard_of', { response_metadata: { messages: ['[ERROR] the moon is full'] } }) }, 'park', /^never_heard_of: .*; then resend \(\[ERROR\] the moon is full\)$/],
    ['another server', { status: 200, body: json('never_heard_of', { response_metadata: { messages: [{ toString: 1 }, 'the moon is full'] } }) }, 'park', /^never_heard_of: .*; then resend \(the moon is full\)$/],
    // No answer, or not all of it.
    ['nobody', 'accept-and-hang', 'ambiguous', `no answer within ${TIMEOUT_MS} ms`],
    ['a reset', 'accept-and-reset', 'ambiguous', /^the connection was lost before the answer: \S/],
    ['a reset', 'accept-and-cut', 'ambiguous', /^the connection was lost before the answer: \S/],
    ['a reset', { status: 200, body: '{"ok":true}', cutAt: 9, accept: true }, 'ambiguous', /^the connection was lost before the answer: \S/],
    // Its status is the answer.
    ['a reset', { status: 429, body: json('ratelimited'), cutAt: 9 }, 'retry', `HTTP 429 ${CUT} ({"ok":fal)`],
    ['a reset', { status: 503, body: page('Busy'), cutAt: 48 }, 'retry', `HTTP 503 ${CUT} (a page: Busy)`],
    ['a reset', { status: 503, body: `${ENVOY}connection termination`, cutAt: 70, accept: true }, 'ambiguous', /^HTTP 503 with an incomplete answer \(upstream/],
    ['a reset', { status: 500, body: 'Error', cutAt: 3, accept: true }, 'ambiguous', `HTTP 500 ${CUT} (Err)`],
    ['a reset', { status: 403, body: json('invalid_auth'), cutAt: 9 }, 'park', `HTTP 403 ${CUT}: ${LOOK_API}${RESEND} ({"ok":fal)`],
    ['a reset', { status: 404, body: 'Not Found', cutAt: 3 }, 'park', `HTTP 404 ${CUT}: nothing at this address accepts messages: correct channels.slack.api_url${RESEND} (Not)`],
    ['a reset', { status: 413, body: 'Too large', cutAt: 3 }, 'refuse', /^HTTP 413 with an incomplete answer: a proxy in between refuses messages of this size/],
    ['a reset', { status: 302, headers: { location: 'https://login.example/' }, body: 'Found', cutAt: 3 }, 'park', /^HTTP 302 with an incomplete answer, a redirect to https:\/\/login\.example\/: if the address/],
  ]
  for (const row of cases) await check(t, sending, '#deals', row)
})

t.test('answers to a webhook that name no error', async (t) => {
  const sending = await start(t)
  // biome-ignore format: a table, a row a line
  const cases: readonly Answered[] = [
    ['a trigger', { status: 200, body: '{"ok":true}', accept: true }, 'sent', /"response":"{\\"ok\\":true}"/],
    ['a trigger', { status: 200, body: json('invalid_trigger_input') }, 'park', /^invalid_trigger_input: an error that this version does not know/],
    ['a trigger', { status: 200, body: json('internal_error') }, 'ambiguous', 'internal_error'],
    ['Slack', { status: 200, body: 'fatal_error' }, 'ambiguous', 'fatal_error'],
    ['Slack', { status: 200, body: 'no_text' }, 'refuse', /^no_text: the message has no text/],
    // Servers that imitate Slack's webhooks.
    ['Mattermost', { status: 200, body: 'ok\n', accept: true }, 'sent', '{"channel":"webhook:hook"}'],
    ['Rocket.Chat', { status: 200, body: '{"success":true}', accept: true }, 'sent', /success/],
    ['Rocket.Chat', { status: 200, body: '{"success":false,"error":"no such room"}' }, 'park', `HTTP 200 ${NOT_SLACKS}: ${LOOK_HOOK}${RESEND} (no such room)`],
    ['a server', { status: 201, body: 'Created', accept: true }, 'sent', /Created/],
    ['a server', { status: 204, body: '', accept: true }, 'sent', /webhook:hook/],
    // Anything else that looks like success.
    ['a portal', { status: 200, body: page('Sign in to the guest network') }, 'ambiguous', `HTTP 200 ${NOT_SLACKS}: ${LOOK_HOOK} (a page: Sign in to the guest network)`],
    ['a reset', { status: 200, body: 'ok', cutAt: 1, accept: true }, 'ambiguous', /^the connection was lost before the answer: \S/],
    ['a reset', { status: 429, body: 'Slow down', cutAt: 4 }, 'retry', `HTTP 429 ${CUT} (Slow)`],
    ['a reset', { status: 400, body: 'no_service_id', cutAt: 10 }, 'park', `HTTP 400 ${CUT}: ${LOOK_HOOK}${RESEND} (no_service)`],
    ['a reset', { status: 404, body: 'no_service', cutAt: 4 }, 'park', `HTTP 404 ${CUT}: nothing at this address accepts messages: correct webhook_url${RESEND} (no_s)`],
    ['a reset', { status: 502, body: 'Bad Gateway', cutAt: 3, accept: true }, 'ambiguous', `HTTP 502 ${CUT} (Bad)`],
    ['a reset', 'accept-and-reset', 'ambiguous', /^the connection was lost before the answer: \S/],
    ['nobody', 'accept-and-hang', 'ambiguous', `no answer within ${TIMEOUT_MS} ms`],
    // Redirects.
    ['a server', redirect(301, '/services/T00000000/B00000000/standInWebhookSecret/'), 'park', /^HTTP 301, a redirect to http:\/\/127\.0\.0\.1:\d+\*\*\*\/: if the address has changed/],
    ['a proxy', redirect(302, 'https://u:p@login.example/?to=%2Fservices%2FT0'), 'park', `HTTP 302, a redirect to https://login.example/?…: ${MOVED} webhook_url; ${LOGIN_PAGE}${RESEND}`],
    ['a server', redirect(303, 'https://login.example/'), 'park', /^HTTP 303, a redirect to https:\/\/login\.example\/: /],
    ['a server', redirect(307, 'https://hooks.example/new'), 'park', /^HTTP 307, a redirect to https:\/\/hooks\.example\/new: /],
    ['a server', redirect(308, '//hooks.example/new'), 'park', /^HTTP 308, a redirect to http:\/\/hooks\.example\/new: /],
    ['a server', redirect(302, 'http://['), 'park', /^HTTP 302, a redirect to http:\/\/\[: /],
    ['a server', { status: 300, body: '' }, 'park', /^HTTP 300: if the address has changed/],
    // Refusals.
    ['a firewall', { status: 403, body: page('Blocked') }, 'park', `HTTP 403: ${NAMED} webhook_url${RESEND} (a page: Blocked)`],
    ['a server', { status: 404, body: 'Not Found' }, 'park', `HTTP 404: nothing at this address accepts messages: correct webhook_url${RESEND} (Not Found)`],
    ['a server', { status: 405, body: '' }, 'park', `HTTP 405: nothing at this address accepts messages: correct webhook_url${RESEND}`],
    ['Slack', { status: 410, body: '' }, 'park', `HTTP 410: the webhook is gone; create another one, and put its URL into webhook_url${RESEND}`],
    ['Slack', { status: 400, body: 'error_of_tomorrow' }, 'park', `HTTP 400: ${NAMED} webhook_url${RESEND} (error_of_tomorrow)`],
    // After it may have been taken, and before.
    ['Slack', { status: 500, body: 'rollup_error', accept: true }, 'ambiguous', 'rollup_error'],
    ['Slack', { status: 500, body: 'server_error', accept: true }, 'ambiguous', 'HTTP 500 (server_error)'],
    ['a gateway', { status: 502, body: '', accept: true }, 'ambiguous', 'HTTP 502'],
    ['a gateway', { status: 504, body: '', accept: true }, 'ambiguous', 'HTTP 504'],
    ['a proxy', { status: 503, body: '' }, 'retry', 'HTTP 503'],
  ]
  for (const row of cases) await check(t, sending, HOOK, row)
  t.match(await sending.open.send(message, { id: '1', receiver: 'gone', target: 'webhook:gone', ...alone }), {
    kind: 'park',
    reason: /no webhook_url any more/,
  })
})

t.test('a webhook of Slack’s own answers ok, and nothing else', async (t) => {
  const context = { target: HOOK, timeout: TIMEOUT_MS, secrets: [new Secret('T0/B0/secret')] }
  const answer = { isWhole: true, isHtml: false, retryAfter: null, location: null }
  const outcome = (status: number, text: string) => fromWebhook({ ...answer, status, text }, true, context)
  t.match(outcome(200, 'ok'), { kind: 'sent', reference: { response: undefined } })
  t.match(outcome(200, '{"ok":true}'), { kind: 'sent' }, 'as a trigger of Workflow Builder does')
  for (const [status, text] of [
    [200, ''],
    [200, 'Blocked: T0/B0/secret'],
    [204, ''],
    [201, 'Created'],
  ] as const) {
    t.match(outcome(status, text), { kind: 'ambiguous', reason: /not Slack's/ }, `${status} ${text}`)
    t.notMatch(reasonOf(outcome(status, text)), 'secret')
  }
})

t.test('how long it is waited for', async (t) => {
  const sending = await start(t)
  const HOUR = 3_600_000
  const in20s = new Date(Date.now() + 20_000).toUTCString()
  const [, day = '', month = '', year = '', time = ''] = /, (\d\d) (\w+) (\d+) (\S+)/.exec(in20s) ?? []
  const cases: readonly (readonly [number, string | string[] | null, number, number])[] = [
    // Status, Retry-After, milliseconds at least and at most.
    [429, '30', 30_000, 30_000],
    [429, '0', 1_000, 1_000],
    [429, 'soon', 1_000, 1_000],
    [429, '-5', 1_000, 1_000],
    [429, null, 1_000, 1_000],
    [429, ['2', '60'], 2_000, 2_000],
    [429, '3600', HOUR, HOUR],
    [429, '999999', HOUR, HOUR],
    [429, '9'.repeat(400), HOUR, HOUR],
    [429, in20s, 1_000, 20_000],
    [429, `${in20s.slice(0, 3)} ${month} ${day} ${time} ${year}`, 1_000, 20_000],
    [429, 'Fri, 31 Dec 9999 23:59:59 GMT', HOUR, HOUR],
    [429, 'Sun, 06 Nov 1994 08:49:37 GMT', 1_000, 1_000],
    [503, '7', 7_000, 7_000],
    [503, '999999', HOUR, HOUR],
    [503, in20s, 0, 20_000],
    [200, '7', 7_000, 7_000],
  ]
  for (const target of ['#deals', HOOK]) {
    for (const [status, value, least, most] of cases) {
      const headers = value === null ? {} : { 'retry-after': value }
      const body = json(status === 503 ? 'service_unavailable' : 'ratelimited')
      const outcome = await sending.answered({ status, headers, body }, target)
      const what = `${target}: ${status}, Retry-After: ${value}`
      if (!t.equal(outcome.kind, 'retry', what) || outcome.kind !== 'retry') continue
      const { after = -1 } = outcome
      t.ok(after >= least && after <= most, `${what}: ${after} ms`)
    }
  }
  for (const [value, pause] of [
    ['3601', '3601 s'],
    ['999999', '999999 s'],
    ['31536000', '31536000 s'],
    ['31536001', 'more than a year'],
    ['9'.repeat(400), 'more than a year'],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 'more than a year'],
  ] as const) {
    const capped = await sending.answered(
      { status: 429, headers: { 'retry-after': value }, body: page('Slow down') },
      HOOK,
    )
    t.equal(
      reasonOf(capped),
      `HTTP 429; it asks for a pause of ${pause}, and gets one of an hour (a page: Slow down)`,
    )
  }
  for (const target of ['#deals', HOOK]) {
    for (const [status, kind] of [
      [403, 'park'],
      [413, 'refuse'],
    ] as const) {
      const limited = { status, headers: { 'retry-after': '30' }, body: page('Slow down') }
      t.match(
        await sending.answered(limited, target),
        { kind: 'retry', after: 30_000 },
        `${target}: ${status}`,
      )
      t.match(await sending.answered({ status, body: page('Forbidden') }, target), { kind })
    }
  }
  t.match(await sending.answered({ status: 503, body: '' }, HOOK), { kind: 'retry', after: undefined })
  for (const [status, kind] of [
    [429, 'retry'],
    [503, 'retry'],
    [500, 'ambiguous'],
  ] as const) {
    const cut = { status, headers: { 'retry-after': '30' }, body: 'Wait', cutAt: 1 }
    for (const target of ['#deals', HOOK])
      t.match(await sending.answered(cut, target), { kind, after: 30_000 }, 'also where the rest is missing')
  }
  for (const target of ['#deals', HOOK]) {
    for (const [status, body] of [
      [500, 'oops'],
      [502, page('502 Bad Gateway')],
      [504, ''],
      [520, ''],
      [200, json('internal_error')],
      [500, json('fatal_error')],
      [200, page('Busy')],
    ] as const) {
      const asked = (value: string) =>
        sending.answered({ status, headers: { 'retry-after': value }, body }, target)
      const what = `${target}: ${status} ${body}`
      t.match(await asked('7'), { kind: 'ambiguous', after: 7_000 }, what)
      t.match(await asked('0'), { kind: 'ambiguous', after: 0 }, what)
      t.match(await asked('soon'), { kind: 'ambiguous', after: undefined }, what)
      t.match(
        await asked('999999'),
        { kind: 'ambiguous', reason: /; it asks for a pause of 999999 s/, after: HOUR },
        what,
      )
    }
  }
})

type Answered = readonly [string, Misbehaviour, Kind, string | RegExp]

async function check(t: Test, sending: Sending, target: string, row: Answered): Promise<void> {
  const [who, how, kind, reason] = row
  const before = sending.server.messages.length
  const outcome = await sending.answered(how, target)
  const what = `${who}: ${typeof how === 'string' ? how : `${how.status} ${how.body}`}`
  t.equal(outcome.kind, kind, what)
  if (typeof reason === 'string') t.equal(reasonOf(outcome), reason, what)
  else t.match(reasonOf(outcome), reason, what)
  const wasTaken = sending.server.messages.length > before
  if (wasTaken) t.ok(kind === 'sent' || kind === 'ambiguous', `${what}: it was taken`)
  else t.not(kind, 'sent', `${what}: it was not taken`)
  t.notMatch(reasonOf(outcome), /standInWebhookSecret|the-token/, 'without secrets')
}

function redirect(status: number, location: string): Misbehaviour {
  return { status, headers: { location }, body: '' }
}
