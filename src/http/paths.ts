/** The paths of the service: which methods each takes, and which of them a request was probably meant for. */

const WEBHOOK = /^\/webhooks\/[^/]+$/

const methods: ReadonlyMap<string, string> = new Map([
  ['/livez', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
  ['/metrics', 'GET, HEAD'],
  ['/-/reload', 'POST'],
])

/** The Allow header of a path; undefined if the path does not exist. */
export function methodsOf(path: string): string | undefined {
  return WEBHOOK.test(path) ? 'POST' : methods.get(path)
}

/** The path of a source that differs only in case, slashes or spaces. */
export function intendedPath(path: string, sources: Iterable<string>): string | undefined {
  const wanted = plain(path)
  for (const source of sources) {
    const known = `/webhooks/${source}`
    if (plain(known) === wanted) return known
  }
  return undefined
}

function plain(path: string): string {
  return path
    .replace(/%20|%0a|%0d/gi, '')
    .replace(/\/+/g, '/')
    .replace(/\/$/, '')
    .toLowerCase()
}
