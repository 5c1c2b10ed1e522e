/** HTTP to other machines. The client (undici, a hundred modules) is loaded with the first request. */
import type { HttpClient, HttpOptions } from './http-client.ts'

export type { HttpClient, HttpOptions }

/** Nothing is connected before the first request. */
export function openHttp(options: HttpOptions): HttpClient {
  let opened: Promise<HttpClient> | undefined
  return {
    async fetch(url, init) {
      opened ??= import('./http-client.ts').then(({ openClient }) => openClient(options))
      return (await opened).fetch(url, init)
    },
    async close() {
      await (await opened)?.close()
    },
  }
}
