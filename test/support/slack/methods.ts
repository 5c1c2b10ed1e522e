/** What the stand-in answers to each method. */
import { type Arguments, failure, type SlackAnswer, success } from './answer.ts'
import { conversationsInfo, conversationsList } from './conversations.ts'
import { conversationsHistory, conversationsReplies } from './history.ts'
import { postMessage, updateMessage, webhook } from './messages.ts'
import { scopesOf, type Workspace } from './workspace.ts'

type Method = (workspace: Workspace, args: Arguments) => SlackAnswer

const methods: Readonly<Record<string, Method>> = {
  'auth.test': () =>
    success({
      url: 'https://stand-in.slack.com/',
      team: 'Stand-in',
      team_id: 'T00000000',
      user: 'hookbridge',
      user_id: 'U00000000',
      bot_id: 'B00000000',
    }),
  'chat.postMessage': postMessage,
  'chat.update': updateMessage,
  'conversations.history': conversationsHistory,
  'conversations.info': conversationsInfo,
  'conversations.list': conversationsList,
  'conversations.replies': conversationsReplies,
}

/** `args` is null where the body could not be read. */
export function answerMethod(
  workspace: Workspace,
  method: string,
  args: Arguments | null,
  authorization: string | undefined,
): SlackAnswer {
  if (method === 'webhook') return webhook(workspace, args)
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? args?.token
  const denied = checkToken(workspace, token)
  if (denied !== null) return failure(denied)
  const answer = methods[method]?.(workspace, { ...args, token }) ?? failure('unknown_method')
  return { ...answer, headers: { ...answer.headers, 'x-oauth-scopes': scopesOf(workspace).join(',') } }
}

function checkToken({ options }: Workspace, token: unknown): string | null {
  if (typeof token !== 'string' || token === '') return 'not_authed'
  const valid = options.token === undefined ? token.startsWith('xoxb-') : token === options.token
  return valid ? null : 'invalid_auth'
}
