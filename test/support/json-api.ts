/** An API that answers GET with JSON, as a test wants it. */
import { createServer, type IncomingHttpHeaders } from 'node:http'

export interface ApiAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Text is sent as it is. */
  readonly body?: unknown
  /** The answer comes when this resolves. */
  readonly after?: Promise<unknown>
}

export interface ApiRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export interface JsonApi {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly requests: readonly ApiRequest[]
  /** How many requests were under way at once at the most, by path. */
  readonly most: ReadonlyMap<string, number>
  answer: (request: ApiRequest, number: number) => ApiAnswer
}

export async function startJsonApi(
  t: { teardown(action: () => unknown): unknown },
  answer: JsonApi['answer'],
): Promise<JsonApi> {
  const requests: ApiRequest[] = []
  const most = new Map<string, number>()
  const open = new Map<string, number>()
  const server = createServer(async (incoming, response) => {
    const path = incoming.url ?? ''
    const request = { path, headers: incoming.headers }
    requests.push(request)
    const now = (open.get(path) ?? 0) + 1
    open.set(path, now)
    most.set(path, Math.max(now, most.get(path) ?? 0))
    const { status = 200, headers = {}, body = {}, after } = api.answer(request, requests.length)
    await after
    open.set(path, (open.get(path) ?? 1) - 1)
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const api: JsonApi = { url: `http://127.0.0.1:${port}`, requests, most, answer }
  return api
}
