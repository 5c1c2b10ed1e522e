/** Values within a URL: each is encoded for the part of the URL where it stands, and cannot leave that part. */

/** A text or a value, in the order of the URL. */
export type UrlPiece = { readonly text: string } | { readonly value: string }

// Longer ones are refused by servers, proxies and mail clients; it also bounds the time that parsing takes.
const LONGEST_URL = 8_000
const SAFE_URL = /^(?:https?:\/\/[^\s/?#\\]|mailto:[^\s?])/i
const PROTOCOLS = ['http:', 'https:', 'mailto:']

/**
 * Joins the pieces to an http, https or mailto URL; null where they make none. A value that begins the URL must be such a
 * URL itself, and keeps its punctuation. Within a host a value is part of one name, and at least two names must
 * follow it: `https://{{ data.team }}.example.com`. Everywhere else it is percent-encoded.
 */
export function joinUrl(pieces: readonly UrlPiece[]): string | null {
  let url = ''
  // Where the part begins that a value at the start of the URL did not choose.
  let start = 0
  for (const [index, piece] of pieces.entries()) {
    if ('text' in piece) {
      url += url === '' ? piece.text.trimStart() : piece.text
    } else if (url === '') {
      const whole = piece.value.trim()
      if (whole !== '' && !SAFE_URL.test(whole)) return null
      url = whole.replaceAll(/[\s\p{Cc}]/gu, encode)
      start = url.length
    } else {
      const encoded = encodeFor(url, piece.value, pieces[index + 1])
      if (encoded === null) return null
      url += encoded
    }
    if (url.length > LONGEST_URL) return null
  }
  url = url.trimEnd()
  if (pieces.some((piece) => 'value' in piece) && hasDotSegment(url.slice(start))) return null
  return isSafeUrl(url) ? url : null
}

/** An http, https or mailto URL that ends where it seems to. */
function isSafeUrl(url: string): boolean {
  if (!SAFE_URL.test(url) || /[\p{Cc}\u2028\u2029]/u.test(url) || !URL.canParse(url)) return false
  return PROTOCOLS.includes(new URL(url).protocol)
}

/** The value for its place after `before`; null where none is safe there. */
function encodeFor(before: string, value: string, next: UrlPiece | undefined): string | null {
  if (/^mailto:/i.test(before)) {
    return before.includes('?') ? encode(value) : encode(value).replaceAll('%40', '@')
  }
  const [, host] = /^https?:\/\/([^/?#\\]*)/i.exec(before) ?? []
  if (host === undefined) return null
  if (before.length > before.indexOf('//') + 2 + host.length) return encode(value)
  const after = next !== undefined && 'text' in next ? next.text : ''
  const isName = /^[a-z0-9-]+$/i.test(value) && /^[a-z0-9-]*(?:\.[a-z0-9-]+){2,}(?:[:/?#]|$)/i.test(after)
  return isName && !host.includes('@') ? value : null
}

function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

/**
 * Whether a path has the segment `.` or `..`, which a URL drops together with the one before; there is no escape for them. Many servers
 * and proxies decode `%2F` before they look for such segments, so it counts as the slash that it is to them.
 */
export function hasDotSegment(url: string): boolean {
  const path = /^[^?#]*/.exec(url)?.[0] ?? ''
  return /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\]|%2f|%5c|$)/i.test(path)
}
