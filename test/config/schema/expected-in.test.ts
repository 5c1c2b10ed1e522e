import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import * as z from 'zod'
import { parseYaml } from '../../../src/config/file/yaml.ts'
import { type Path, pathName } from '../../../src/config/problem.ts'
import { expectedAt } from '../../../src/config/schema/expected.ts'
import { expectedIn } from '../../../src/config/schema/expected-in.ts'
import { filledSchema } from '../../../src/config/schema/filled-schema.ts'
import { schema } from '../../../src/config/schema/schema.ts'
import { fixtureNames, fixtures } from '../../support/config-fixtures.ts'

/** Those of all mappings, lists and values. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const below = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [path, ...below.flatMap(([key, item]) => pathsIn(item, [...path, key]))]
}

t.test('a step into a schema finds what the JSON schema of the whole says', async (t) => {
  const whole = filledSchema(schema)
  const compared = new Set<string>()
  const different = new Set<string>()
  for (const folder of ['good', 'bad'] as const) {
    for (const name of fixtureNames(folder)) {
      const file = join(fixtures, folder, name)
      const parsed = parseYaml(file, readFileSync(file, 'utf8'))
      for (const path of parsed.ok ? pathsIn(parsed.document.value) : []) {
        const [one, other] = [expectedIn(schema, path), expectedAt(whole, path)]
        compared.add(pathName(path))
        const isSame =
          one.secret === other.secret && String(one.types.toSorted()) === String(other.types.toSorted())
        if (!isSame) different.add(pathName(path))
      }
    }
  }
  t.strictSame([...different], [])
  t.ok(compared.has('channels.slack.token') && compared.has('server.port'), `${compared.size} paths`)
})

t.test('the parts beside a path are not converted', async (t) => {
  // JSON has no dates: to convert one throws.
  const part = z.strictObject({ name: z.string(), date: z.date() })
  t.throws(() => filledSchema(part))
  t.strictSame(expectedIn(part, ['name']).types, ['string'])
  t.strictSame(expectedIn(z.array(z.record(z.string(), part.optional())), [0, 'a', 'name']).types, ['string'])
})

t.test('a schema may have itself as a part', async (t) => {
  const tree: z.ZodType = z.union([z.string(), z.array(z.lazy(() => tree))])
  t.strictSame(expectedIn(tree, [0, 0]).types, ['string', 'array'])
})
