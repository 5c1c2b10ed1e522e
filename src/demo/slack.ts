/** A stand-in for Slack in the demo: it accepts every chat.postMessage and keeps the message in memory. */
import { createServer, type IncomingMessage } from 'node:http'
import { isObject, type JsonObject } from '../core/json.ts'

export interface DemoSlack {
  /** The base of its Web API, with a slash at its end. */
  readonly url: string
  readonly messages: readonly DemoSlackMessage[]
  /** Called with each message as it arrives. */
  onMessage: (message: DemoSlackMessage) => void
  close(): Promise<void>
}

export interface DemoSlackMessage {
  readonly channel: string
  readonly text: string
  readonly blocks: readonly JsonObject[]
}

/** Listens on a free port of 127.0.0.1. */
export async function startSlack(): Promise<DemoSlack> {
  const messages: DemoSlackMessage[] = []
  const http = createServer(async (request, response) => {
    const form = new URLSearchParams(await textOf(request))
    const channel = form.get('channel') ?? ''
    const message = { channel, text: form.get('text') ?? '', blocks: parseBlocks(form.get('blocks')) }
    messages.push(message)
    slack.onMessage(message)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ok: true, channel, ts: `${Math.floor(Date.now() / 1000)}.000001` }))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  const slack: DemoSlack = {
    url: `http://127.0.0.1:${isObject(address) ? address.port : ''}/api/`,
    messages,
    onMessage: () => {},
    async close() {
      const closed = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await closed
    },
  }
  return slack
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function parseBlocks(json: string | null): readonly JsonObject[] {
  const blocks: unknown = JSON.parse(json ?? '[]')
  return Array.isArray(blocks) ? blocks.filter(isObject) : []
}
