const NEW_APP_URL = 'https://api.slack.com/apps?new_app=1&manifest_yaml='

/** What an app has to do for the receivers. */
export interface Wanted {
  /** What receivers name as their channel: channels, and people. */
  readonly channels: readonly string[]
  /** Whether one has an incoming webhook. */
  readonly webhooks: boolean
}

export function slackManifest({ channels, webhooks }: Wanted): string {
  // Messages to people only need chat:write. For channels, doctor looks them up, and the app posts without an invitation.
  const scopes = [
    ...(channels.length > 0 ? ['chat:write'] : []),
    ...(channels.some(isChannel) ? ['chat:write.public', 'channels:read'] : []),
    ...(webhooks ? ['incoming-webhook'] : []),
  ]
  return `display_information:
  name: Hookbridge
  description: Posts the events of other services.
features:
  bot_user:
    display_name: Hookbridge
oauth_config:
  scopes:
    bot:
${scopes.map((scope) => `      - ${scope}\n`).join('')}`
}

/** Opens Slack's form for a new app, filled in. */
export function newAppUrl(manifest: string): string {
  return NEW_APP_URL + encodeURIComponent(manifest)
}

/** Otherwise the receiver's channel is a person, or a conversation with one. */
export function isChannel(name: string): boolean {
  return !/^[DUW][A-Z0-9]+$/.test(name)
}
