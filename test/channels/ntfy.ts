import * as z from 'zod'
import type { Channel } from '../../src/channels/channel.ts'
import { openOnFirstUse } from '../../src/channels/sender.ts'
import { isSafeUrl } from '../../src/channels/settings.ts'
import { compileText, type TextMessage } from '../../src/channels/text-template.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { ownProperty } from '../../src/core/json/json.ts'
import { createEngine } from '../../src/core/template/template.ts'

type Settings = z.output<typeof settings>
type Receiver = z.output<typeof receiver>

const settings = z
  .strictObject({
    url: z.string().refine(isSafeUrl, { error: 'must be an https URL' }).describe('The server.'),
  })
  .describe('How messages are published with ntfy.')
const receiver = z
  .strictObject({
    topic: z
      .string()
      .regex(/^[\w-]{1,64}$/)
      .describe('The topic to publish to.'),
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
  open: (given, _receivers, { timeout }) =>
    openOnFirstUse({ rateLimit: { rate: 5, burst: 10 }, perDestination: 2, concurrency: 10 }, async () => ({
      async send({ text }, { target }) {
        if (given === undefined) return { kind: 'park', reason: 'channels.ntfy is missing' }
        return publish(new URL(target, given.url), text, timeout)
      },
      async close() {},
    })),
}

async function publish(url: URL, body: string, timeout: number): Promise<Outcome> {
  try {
    const response = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(timeout) })
    const { status } = response
    const reason = `HTTP ${status}: ${(await response.text()).slice(0, 200)}`
    if (response.ok) return { kind: 'sent', reference: { topic: url.pathname.slice(1) } }
    if (status === 401 || status === 403) return { kind: 'park', reason }
    if (status === 429 || status === 503) return { kind: 'retry', reason }
    // A server that fails may have published the message before.
    return { kind: status >= 500 ? 'ambiguous' : 'refuse', reason }
  } catch (error) {
    const code = String(ownProperty(ownProperty(error, 'cause'), 'code') ?? error)
    // Without a connection nothing was sent; otherwise nobody can know.
    const neverSent = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|CONNECT_TIMEOUT/.test(code)
    return { kind: neverSent ? 'retry' : 'ambiguous', reason: code }
  }
}
