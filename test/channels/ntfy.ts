import * as z from 'zod'
import type { Channel } from '../../src/channels/channel.ts'
import { remoteWords } from '../../src/channels/remote-words.ts'
import { openOnFirstUse } from '../../src/channels/sender.ts'
import { isSafeUrl } from '../../src/channels/settings.ts'
import { compileText, type TextMessage } from '../../src/channels/text-template.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { askedPause } from '../../src/core/delivery/retry-after.ts'
import { createEngine } from '../../src/core/template/template.ts'
import { ConnectFailure, codeOf, wordsOf } from '../../src/network/connect-failure.ts'
import { type HttpClient, openHttp } from '../../src/network/http.ts'

type Settings = z.output<typeof settings>
type Receiver = z.output<typeof receiver>

const settings = z
  .strictObject({
    url: z
      .string()
      .refine(isSafeUrl, { error: 'must be an https URL' })
      .describe('The server.')
      .meta({ examples: ['https://ntfy.sh'] }),
  })
  .describe('How messages are published with ntfy.')
const receiver = z
  .strictObject({
    topic: z
      .string()
      .regex(/^[\w-]{1,64}$/)
      .describe('The topic to publish to.')
      .meta({ examples: ['deals'] }),
  })
  .describe('A topic of ntfy.')

// Without a template of its own it sends what the console prints.
const templateFiles = ['ntfy.txt', 'console.txt']
const engine = createEngine((text) => text.toWellFormed())

export const ntfy: Channel<Settings, Receiver, TextMessage> = {
  name: 'ntfy',
  settings,
  receiver,
  templateFiles,
  missingSettings: (given) => (given === undefined ? 'channels.ntfy is missing: set its `url`' : null),
  targets: ({ topic }) => [{ target: topic, rateKey: `ntfy:${topic}` }],
  compile: (files) => compileText(engine, templateFiles, files),
  toText: ({ text }) => text,
  open: (given, _receivers, { timeout, proxies }) =>
    openOnFirstUse({ rateLimit: { rate: 5, burst: 10 }, perDestination: 2, concurrency: 10 }, async () => {
      const limits = { timeoutMs: timeout, largestAnswerBytes: 10_000, connections: 10 }
      const http = openHttp({ proxies, hostSetting: 'channels.ntfy.url', ...limits })
      return {
        async send({ text }, { target }) {
          if (given === undefined) return { kind: 'park', reason: 'channels.ntfy is missing' }
          return publish(http, new URL(target, given.url), text)
        },
        close: () => http.close(),
      }
    }),
}

async function publish(http: HttpClient, url: URL, body: string): Promise<Outcome> {
  try {
    const response = await http.fetch(url.href, { method: 'POST', body })
    const { status, headers } = response
    if (response.ok) return { kind: 'sent', reference: { topic: url.pathname.slice(1) } }
    const reason = remoteWords(`HTTP ${status}: ${await response.text()}`, [])
    // A redirect, which is not followed, or a server that wants a login.
    if (status < 400 || status === 401 || status === 403) {
      return { kind: 'park', reason: `${reason}: correct channels.ntfy.url, or the topic` }
    }
    const after = askedPause(headers, Date.now())
    if (status === 429 || status === 503) return { kind: 'retry', reason, ...(after !== null && { after }) }
    // A server that fails may have published the message before.
    return { kind: status >= 500 ? 'ambiguous' : 'refuse', reason }
  } catch (error) {
    if (error instanceof ConnectFailure) return error.outcome
    const reason = codeOf(error) || wordsOf(error)
    // Without a connection nothing was sent; otherwise nobody can know.
    const neverSent = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|CONNECT_TIMEOUT/.test(reason)
    return { kind: neverSent ? 'retry' : 'ambiguous', reason }
  }
}
