/** Reads HTML that the product draws as strictly as it is written, so that whatever is out of its place is found. */
import assert from 'node:assert/strict'

const TAG = /<(\/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"<>]*")*)>/g
const ATTRIBUTE = / ([a-z-]+)="([^"]*)"/g
const VOID = ['hr', 'br', 'meta']
const TAGS =
  'a article b blockquote body br code dd div dl dt h1 h2 h3 head header hr html i iframe li meta p pre s span time title ul'
const ATTRIBUTES =
  'aria-hidden charset class content datetime href http-equiv lang name rel sandbox srcdoc style target title'

export interface Tag {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
}

/**
 * The tags of a drawing. Fails on a tag or an attribute that no drawing needs, such as a script or a handler; on tags
 * that do not nest; on a link to anything but http, https or mailto; on a character that looks like markup elsewhere.
 */
export function tagsOf(html: string): Tag[] {
  const found: Tag[] = []
  const open: string[] = []
  // A style sheet may hold >, and nothing of a message's.
  const plain = html.replace(/^<!doctype html>/, '').replace(/<style>[^<]*<\/style>/, '')
  const text = plain.replace(TAG, (_, slash: string, name: string, rest: string) => {
    assert.ok(TAGS.split(' ').includes(name), `the tag ${name}`)
    if (slash === '/') {
      assert.equal(open.pop(), name, 'tags nest')
      return ''
    }
    if (!VOID.includes(name)) open.push(name)
    const attributes = new Map([...rest.matchAll(ATTRIBUTE)].map(([, key = '', value = '']) => [key, value]))
    for (const key of attributes.keys())
      assert.ok(ATTRIBUTES.split(' ').includes(key), `the attribute ${key}`)
    const href = attributes.get('href')
    if (href !== undefined) assert.match(href, /^(?:https?:|mailto:)/i)
    found.push({ name, attributes })
    return ''
  })
  assert.deepEqual(open, [], 'every tag is closed')
  assert.doesNotMatch(text, /[<>]/)
  return found
}
