import { type Logger, LogLevel, WebClient } from '@slack/web-api'
import type { SlackSettings } from '../settings.ts'
import type { Transport } from './transport.ts'

/**
 * Null without a token. The SDK's retries are off, because ours are recorded and survive a restart. Its timeout is off too: the
 * transport has one that needs no signal for each call.
 */
export function openClient(
  { token, api_url, concurrency }: SlackSettings,
  transport: Transport,
): WebClient | null {
  if (token === undefined) return null
  return new WebClient(token.reveal(), {
    slackApiUrl: api_url,
    allowAbsoluteUrls: false,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    maxRequestConcurrency: concurrency,
    fetch: transport.fetch,
    logger: silent,
  })
}

// It would log our messages and Slack's answers, which are recorded with the attempt, redacted.
const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  setName() {},
  getLevel: () => LogLevel.ERROR,
}
