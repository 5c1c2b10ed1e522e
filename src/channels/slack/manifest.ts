const NEW_APP_URL = 'https://api.slack.com/apps?new_app=1&manifest_yaml='

/** `channels`: what the receivers name; `webhooks`: whether one has an incoming webhook. */
export function slackManifest(channels: readonly string[], webhooks: boolean): string {
  // People are written to with chat:write alone; a channel is also looked up by doctor, and posted to without an invitation.
  const hasChannel = channels.some(isChannel)
  const scopes = [
    ...(channels.length > 0 || !webhooks ? ['chat:write'] : []),
    ...(hasChannel ? ['chat:write.public', 'channels:read'] : []),
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

/** A receiver's channel is a person otherwise, or a conversation with one. */
export function isChannel(name: string): boolean {
  return /^[#CG]/.test(name)
}
