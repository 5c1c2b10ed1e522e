/** Links within the repository lead somewhere, and those of the package's pages lead to what is in the package. */
import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { pages, readPage, root } from './pages.ts'

// npm packs these whatever `files` says.
const ALWAYS_PACKED = ['README.md', 'LICENSE', 'package.json']

const packed = (path: string) =>
  [...ALWAYS_PACKED, ...packageJson.files].some((entry) => path === entry || path.startsWith(`${entry}/`))

interface Link {
  /** From the root of the repository. */
  readonly path: string
  readonly anchor: string | undefined
}

/** The links of a page that lead into the repository. */
function links(page: string): Link[] {
  const text = readPage(page).replace(/^```[\s\S]*?^```$/gm, '')
  return [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, target = '']) => {
    const [path = '', anchor] = target.split('#')
    return { path: path === '' ? page : posix.join(posix.dirname(page), path), anchor }
  })
}

/** As GitHub makes them. */
function anchors(page: string): string[] {
  const headings = readPage(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  )
}

t.test('links lead to files and headings that are there', async (t) => {
  const found = pages.flatMap((page) => links(page).map((link) => ({ page, ...link })))
  t.ok(found.length > pages.length)
  for (const { page, path, anchor } of found) {
    const shown = `${page}: ${path}${anchor === undefined ? '' : `#${anchor}`}`
    t.ok(existsSync(new URL(path, root)), shown)
    if (anchor !== undefined && path.endsWith('.md')) t.ok(anchors(path).includes(anchor), shown)
  }
})

t.test('links of packed pages lead to packed files', async (t) => {
  const inPackage = pages.filter(packed)
  t.ok(inPackage.includes('README.md'))
  t.ok(inPackage.includes('docs/operate.md'))
  for (const page of inPackage) for (const { path } of links(page)) t.ok(packed(path), `${page}: ${path}`)
})

t.test('files that pages name as code are there', async (t) => {
  const names = pages
    .filter((page) => !['CHANGELOG.md', 'docs/channels.md', 'docs/templates.md'].includes(page))
    .flatMap((page) =>
      [...readPage(page).matchAll(/`((?:bench|bin|build|docs|src|templates|test)\/[\w./-]+)`/g)].map(
        ([, path = '']) => ({ page, path }),
      ),
    )
  t.ok(names.length > 30)
  for (const { page, path } of names) t.ok(existsSync(new URL(path, root)), `${page}: ${path}`)
})
