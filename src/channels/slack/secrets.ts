import { Secret } from '../../core/secret.ts'
import type { SlackReceiver, SlackSettings } from './settings.ts'

/** What must not be shown of an answer: the token, and each webhook's URL in every form in which a remote may repeat it. */
export function slackSecrets(
  { token }: SlackSettings,
  receivers: ReadonlyMap<string, SlackReceiver>,
): readonly Secret[] {
  const webhooks = [...receivers.values()].flatMap(({ webhook_url }) =>
    webhook_url === undefined ? [] : formsOf(webhook_url.reveal()),
  )
  return [...(token === undefined ? [] : [token]), ...webhooks.map((form) => new Secret(form))]
}

/** The longest first: a part of one would leave the rest. */
function formsOf(url: string): readonly string[] {
  const { href, pathname } = new URL(url)
  const parts = pathname.split('/').filter((part) => part.length >= SHORTEST_PART)
  return [url, href, encodeURIComponent(url), encodeURIComponent(pathname), pathname, ...parts]
    .filter((form) => form.length >= SHORTEST_PART)
    .sort((a, b) => b.length - a.length)
}

// Team and webhook ids have about eleven characters, the secret itself 24; shorter parts are not secret, such as "services".
const SHORTEST_PART = 10
