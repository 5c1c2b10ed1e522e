/**
 * The schema of the store and its versions. Instances of two versions run side by side during an upgrade: a step only adds what the
 * version before it can ignore, and says so in `compatible`; where it cannot, the older instances are refused, and have to be stopped.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { StoreRefused } from '../../store.ts'
import { ADVISORY } from '../connection/advisory.ts'
import type { Database } from '../connection/database.ts'
import { isUnavailable, LOCK_NOT_AVAILABLE, UNDEFINED_TABLE } from '../connection/errors.ts'
import type { Reader, Session } from '../connection/session.ts'
import { migration1 } from './1.ts'
import { migration2 } from './2.ts'

// While a change waits for a table that is in use, everything else waits behind it: it lets the others pass, and tries again.
const WAIT_FOR_TABLES_MS = 1_000
const LET_PASS_MS = 2_000
const MOST_TRIES = 30

export interface Step {
  readonly sql: string
  /** The oldest version of the schema whose programs work with it. */
  readonly compatible: number
}

/** Steps that were released are never changed, only followed by others. */
export const steps: readonly Step[] = [
  { sql: migration1, compatible: 1 },
  { sql: migration2, compatible: 1 },
]

/** The version of the schema that this program makes. */
export const schemaVersion = steps.length

type Versions = { readonly version: number; readonly compatible: number }

/**
 * Brings the schema to the version that the steps make, by default this program's; one instance at a time. A newer schema stays as it is,
 * where it is compatible.
 */
export async function migrate(database: Database, upTo = steps): Promise<void> {
  for (let tries = 1; (await checkVersions(database, upTo.length)) !== 'current'; tries++) {
    try {
      await database.writeUnlimited((session) => takeSteps(session, upTo, database.name))
    } catch (error) {
      if (!isUnavailable(error, LOCK_NOT_AVAILABLE)) throw error
      if (tries === MOST_TRIES) throw error
      await pause(LET_PASS_MS)
    }
  }
}

async function takeSteps(session: Session, upTo: readonly Step[], name: string): Promise<void> {
  // For as long as another instance takes them.
  await session.query('SELECT pg_advisory_xact_lock($1, 0)', [ADVISORY.migration])
  await session.run(`SET LOCAL lock_timeout = ${WAIT_FOR_TABLES_MS}`)
  const found = await versionsOf(session)
  if (found === null) {
    await refuseForeign(session, name)
    // IF NOT EXISTS would ask for the right to make one also where there is one, made by an administrator for this user.
    const schema = await session.query("SELECT 1 AS found FROM pg_namespace WHERE nspname = 'hookbridge'")
    if (schema.length === 0) await session.query('CREATE SCHEMA hookbridge')
    await session.query('CREATE TABLE schema_version (version integer NOT NULL, compatible integer NOT NULL)')
    await session.query('INSERT INTO schema_version VALUES (0, 0)')
  }
  for (const step of upTo.slice(found?.version ?? 0)) await session.run(step.sql)
  await session.query('UPDATE schema_version SET version = $1, compatible = $2 WHERE version < $1', [
    upTo.length,
    upTo.at(-1)?.compatible ?? 0,
  ])
}

/** For commands, which do not change the schema. */
export async function refuseUnprepared(database: Database): Promise<void> {
  const found = await checkVersions(database)
  if (found === 'missing') {
    const hint = 'start the service once, which makes it, or check store.url'
    throw new StoreRefused('missing', `there is no store in ${database.name}; ${hint}`)
  }
  if (found === 'older') {
    const message = `the store in ${database.name} has an older schema than this hookbridge needs; restart the service, which brings it up to date`
    throw new StoreRefused('older_schema', message)
  }
}

/**
 * For a copy of everything, which needs the very tables that this program makes: those of a newer schema may have more, also where this
 * program could use it. False where there are no tables yet.
 */
export async function refuseOtherVersion(database: Database): Promise<boolean> {
  const found = await database.read(versionsOf)
  if (found === null || found.version === schemaVersion) return found !== null
  const hint =
    found.version > schemaVersion ? 'upgrade hookbridge' : 'start the service once, or use an empty database'
  const message = `${database.name} has schema ${found.version}, but this hookbridge copies schema ${schemaVersion}; ${hint}`
  throw new StoreRefused(found.version > schemaVersion ? 'newer_schema' : 'older_schema', message)
}

async function refuseForeign(session: Session, name: string): Promise<void> {
  const tables = await session.query(
    "SELECT 1 AS found FROM pg_tables WHERE schemaname = 'hookbridge' LIMIT 1",
  )
  if (tables.length === 0) return
  const message = `${name} has a schema "hookbridge" of another program; name another database in store.url`
  throw new StoreRefused('foreign', message)
}

/** Refuses a store that this program must not use. `older`: it has to be migrated first. */
async function checkVersions(
  database: Database,
  supported = schemaVersion,
): Promise<'current' | 'older' | 'missing'> {
  const look = async (session: Session) => {
    await refuseEncoding(session, database.name)
    await refuseUnfinished(session, database.name)
    return versionsOf(session)
  }
  const found = await database.read(look).catch((error: unknown) => {
    if (!isUnavailable(error, UNDEFINED_TABLE)) throw error
    // Another instance made the schema just then: a transaction may see tables that it does not find by name. The next one does.
    return database.read(look)
  })
  if (found === null) return 'missing'
  if (found.compatible > supported) {
    const message = `${database.name} has schema ${found.version}, which works with programs for schema ${found.compatible} or later, but this version of Hookbridge supports schemas up to ${supported}; upgrade hookbridge, or restore a backup that this version made`
    throw new StoreRefused('newer_schema', message)
  }
  return found.version < supported ? 'older' : 'current'
}

/** Events may contain any character, and other encodings lack some, or do not know what a character is. */
async function refuseEncoding(session: Reader, name: string): Promise<void> {
  const [found] = await session.query<{ encoding: string }>(
    "SELECT current_setting('server_encoding') AS encoding",
  )
  if (found === undefined || found.encoding === 'UTF8') return
  const message = `${name} has the encoding ${found.encoding}; name a database with the encoding UTF8 in store.url (createdb --encoding=UTF8 --template=template0 makes one)`
  throw new StoreRefused('unusable', message)
}

/** Whether `migrate-store` has begun to fill it, and not come to the end. */
export async function isUnfinished(session: Reader): Promise<boolean> {
  const found = await session.query(
    "SELECT 1 AS found FROM pg_tables WHERE schemaname = 'hookbridge' AND tablename = 'unfinished_copy'",
  )
  return found.length > 0
}

export async function refuseUnfinished(session: Reader, name: string): Promise<void> {
  if (!(await isUnfinished(session))) return
  const message = `${name} holds an unfinished copy made by "hookbridge migrate-store"; run that again to its end, or use another store`
  throw new StoreRefused('incomplete', message)
}

async function versionsOf(session: Session): Promise<Versions | null> {
  // Not to_regclass, which may see what was there before a lock was waited for.
  const there = await session.query(
    "SELECT 1 AS found FROM pg_tables WHERE schemaname = 'hookbridge' AND tablename = 'schema_version'",
  )
  if (there.length === 0) return null
  // With its schema: by its name alone, a user without rights to the schema gets the error that there is no such table.
  const [versions] = await session.query<Versions>(
    'SELECT version, compatible FROM hookbridge.schema_version',
  )
  return versions ?? null
}
