import type { Database } from '../database.ts'
import { migration1 } from './1.ts'
import { migration2 } from './2.ts'
import { migration3 } from './3.ts'
import { migration4 } from './4.ts'
import { migration5 } from './5.ts'

/**
 * The steps from an empty file to the current schema. PRAGMA user_version counts the steps that a file has
 * taken: a step that was released is never changed, only followed by another.
 */
const migrations: readonly string[] = [migration1, migration2, migration3, migration4, migration5]

/** The version of the schema that this program reads and writes. */
export const schemaVersion = migrations.length

export function versionOf(database: Database): number {
  return Number(database.pragma('user_version'))
}

/** Migrates the schema to this program's version; must be called inside a write transaction. */
export function migrate(database: Database): void {
  for (const step of migrations.slice(versionOf(database))) database.execute(step)
  database.execute(`PRAGMA user_version = ${schemaVersion}`)
}
