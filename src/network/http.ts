/** HTTP to other machines. What speaks it is loaded with the first request: it is a hundred modules. */
import type { HttpClient, HttpOptions } from './http-client.ts'

export type { HttpClient, HttpOptions }

/** For a few requests: a token, a check. Nothing is connected before the first. */
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
