/** Variables in keys, which are not replaced: a value can never change the structure. */
import { isObject } from '../../core/json/json.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { type Path, type Problem, quote, warning } from '../problem.ts'

const VARIABLE = /\$\{[^}]*\}/

/** Checked even if other parts of the configuration are wrong. Events of tests may have any keys. */
export function checkKeys(document: YamlDocument): Problem[] {
  return keysIn(document.value, [])
    .filter((path) => path[0] !== 'tests' || path[2] !== 'event')
    .flatMap((path) => {
      const key = String(path.at(-1))
      const variable = VARIABLE.exec(key)?.[0]
      if (variable === undefined) return []
      const message = `variables are not replaced in keys: ${quote(key)}`
      const hint = `write the value of ${variable} itself`
      return [warning('wrong_variable', document.file, document.keyAt(path), message, hint)]
    })
}

/** The paths of all keys of mappings within a value. */
function keysIn(value: unknown, path: Path): Path[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => keysIn(item, [...path, index]))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) => [[...path, key], ...keysIn(item, [...path, key])])
}
