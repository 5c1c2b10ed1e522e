/** How long a service that was upgraded takes to start, beside a long history that the version before has written. */
import { copyFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { openStore } from '../src/store/open.ts'

const emptied = fileURLToPath(new URL('../test/fixtures/store/schema-2.sqlite', import.meta.url))

/** Writes the history of a store into a file of schema 2, and opens that. Returns seconds. */
export async function migration(path: string): Promise<number> {
  const old = `${path}-schema-2`
  copyFileSync(emptied, old)
  writeAsSchema2(old, path)
  const began = performance.now()
  const store = await openStore(`sqlite:${old}`, 'service')
  const took = (performance.now() - began) / 1000
  await store.close()
  return took
}

function writeAsSchema2(old: string, path: string): void {
  const database = new DatabaseSync(old)
  database.exec(`
    PRAGMA synchronous = OFF;
    ATTACH '${path}' AS present;
    BEGIN;
    DELETE FROM main.events;
    INSERT INTO main.events (seq, id, message_id, source, type, received_at, sent_at, secret_index, unrouted, routes,
        problem, body)
      SELECT seq, id, message_id, source, type, received_at, sent_at, secret_index, unrouted, '["completed analyses"]',
        problem, body FROM present.events;
    INSERT INTO main.deliveries (seq, event, number, route, receiver, channel, target, lane, template, state, reason,
        due_at, leased_at, attempts, created_at, owed_since)
      SELECT seq, event, row_number() OVER (PARTITION BY event ORDER BY seq), route, receiver, channel, target, target,
        template,
        CASE WHEN state IN ('cancelled', 'merged', 'dismissed') THEN 'skipped' WHEN state = 'held' THEN 'pending'
          ELSE state END,
        reason, due_at, leased_at, attempts, created_at, retrying_since
      FROM present.deliveries JOIN present.destinations ON destinations.id = destination;
    INSERT INTO main.attempts (delivery, number, started_at, took, outcome, notes)
      SELECT delivery, number, started_at, duration_ms, outcome, notes FROM present.attempts;
    COMMIT`)
  database.close()
}
