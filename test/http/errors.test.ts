/** The table of errors, their statuses and their documentation are one. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { errors } from '../../src/core/errors.ts'
import { statuses } from '../../src/http/errors.ts'

t.test('docs/errors.md lists every error with its status', async (t) => {
  const docs = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...docs.matchAll(/^\| `(\w+)` \| (\d+) \| (.+?) \|/gm)].map(([, code, status, meaning]) => [
    code,
    Number(status),
    meaning,
  ])
  const wanted = Object.entries(errors).map(([code, meaning]) => [
    code,
    statuses[code as keyof typeof errors],
    meaning,
  ])
  t.strictSame(rows.toSorted(), wanted.toSorted())
})

t.test('no answer can disable the sender’s endpoint', async (t) => {
  t.notOk(Object.values(statuses).some((status) => Number(status) === 410))
})
