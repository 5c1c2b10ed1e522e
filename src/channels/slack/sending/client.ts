import { type Logger, LogLevel, WebClient } from '@slack/web-api'
import type { SlackSettings } from '../settings.ts'
import type { Transport } from './transport.ts'

/** Null without a token. The SDK's retries are off: ours are recorded, and survive a restart. */
export function openClient(
  { token, api_url, concurrency }: SlackSettings,
  transport: Transport,
  timeout: number,
): WebClient | null {
  if (token === undefined) return null
  return new WebClient(token.reveal(), {
    slackApiUrl: api_url,
    allowAbsoluteUrls: false,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    maxRequestConcurrency: concurrency,
    timeout,
    fetch: transport.fetch,
    logger: silent,
  })
}

// What it would log are our messages and Slack's answers: those are recorded with the attempt, redacted.
const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  setName() {},
  getLevel: () => LogLevel.ERROR,
}
