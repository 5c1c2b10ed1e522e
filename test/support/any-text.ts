/** Text and URLs for property tests. */
import fc from 'fast-check'

/**
 * What `unit: 'binary'` of fast-check is, with more of what is common. That unit, and webUrl, take seconds of CPU time to
 * be made: all their splits of the texts that are known to cause trouble are tried.
 */
const character = fc.oneof(...[0x7f, 0xffff, 0x10_ffff].map(codePointUpTo))

function codePointUpTo(max: number): fc.Arbitrary<string> {
  return fc.integer({ min: 0, max }).map(
    (codePoint) => String.fromCodePoint(codePoint),
    // The way back lets fast-check mix texts as __proto__ in.
    (text) => {
      const codePoint = typeof text === 'string' ? text.codePointAt(0) : undefined
      if (codePoint === undefined || String.fromCodePoint(codePoint) !== text) throw new Error('no character')
      return codePoint
    },
  )
}

/** Any text, control characters and lone surrogates included. */
export function anyText(constraints: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.string({ unit: character, ...constraints })
}

export function anyJson(): fc.Arbitrary<unknown> {
  return fc.jsonValue({ stringUnit: character })
}

/** A URL as the URL standard writes it. */
export const anyUrl: fc.Arbitrary<string> = fc.tuple(anyText(), anyText()).map(([path, query]) => {
  const url = new URL('https://example.com')
  url.pathname = path
  url.search = query
  return url.href
})
