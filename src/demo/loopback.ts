import { createServer, type RequestListener } from 'node:http'
import { isObject } from '../core/json/json.ts'

export interface LoopbackServer {
  /** Without a slash at the end. */
  readonly url: string
  close(): Promise<void>
}

/** Listens on a free port of 127.0.0.1. */
export async function startLoopbackServer(listener: RequestListener): Promise<LoopbackServer> {
  const http = createServer(listener)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  return {
    url: `http://127.0.0.1:${isObject(address) ? address.port : ''}`,
    async close() {
      const closed = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await closed
    },
  }
}
