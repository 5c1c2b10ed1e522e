/** What counting the undelivered costs beside a long history: the event loop stands still for it. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStore } from '../src/store/open.ts'
import { median } from './load.ts'

const RUNS = 9
const IN_ALL = 1_000_000
const DESTINATIONS = 100
const COLUMNS = `id, event, kind, plan, route, receiver, destination, rate, state, due_at, attempts, ambiguous_attempts,
  created_at, retrying_since`

/** Counts in a store whose deliveries are delivered but for those, and for as many that are parked. */
export async function backlog(folder: string): Promise<void> {
  console.log(`\nCounting what is not delivered, beside ${IN_ALL} deliveries; medians of ${RUNS}`)
  console.log('not delivered  backlog() ms  by reading the table ms  ratio')
  for (const open of [20_000, IN_ALL]) await count(join(folder, `backlog-${open}.db`), open)
}

async function count(path: string, open: number): Promise<void> {
  await (await openStore(`sqlite:${path}`, 'service')).close()
  fill(path, open)
  const store = await openStore(`sqlite:${path}`, 'operator')
  const database = new DatabaseSync(path, { readOnly: true })
  const table = database.prepare(`SELECT channel, state, count(*)
    FROM deliveries NOT INDEXED CROSS JOIN destinations ON destinations.id = destination GROUP BY 1, 2`)
  const ours: number[] = []
  const theirs: number[] = []
  for (let run = 0; run < RUNS; run++) {
    ours.push(await timed(() => store.backlog()))
    theirs.push(await timed(async () => table.all()))
  }
  database.close()
  await store.close()
  const [mine, reading] = [median(ours), median(theirs)]
  console.log(
    [
      String(open).padStart(13),
      mine.toFixed(1).padStart(12),
      reading.toFixed(1).padStart(23),
      (mine / reading).toFixed(2).padStart(5),
    ].join('  '),
  )
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** By SQL: through the store it would take minutes. */
function fill(path: string, open: number): void {
  const database = new DatabaseSync(path)
  database.exec(`
    BEGIN;
    INSERT INTO events (id, message_id, source, type, received_at, sent_at, secret_index, unrouted, body)
      VALUES ('evt_1', 'msg_1', 'bench', 'a.b', 0, 0, 0, 0, x'7b7d');
    INSERT INTO kinds (id, source, type) VALUES (1, 'bench', 'a.b');
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${DESTINATIONS - 1})
    INSERT INTO rates (id, channel, key) SELECT i, iif(i % 2, 'slack', 'email'), 'target ' || i FROM n;
    INSERT INTO destinations (id, channel, target, rate) SELECT id, channel, key, id FROM rates;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${IN_ALL})
    INSERT INTO deliveries (${COLUMNS})
      SELECT 'dlv_' || i, 1, 1, 1, 'all', 'team', i % ${DESTINATIONS}, i % ${DESTINATIONS},
        CASE WHEN i <= ${open} THEN 'pending' WHEN i <= ${open} * 2 THEN 'parked' ELSE 'delivered' END,
        iif(i <= ${open}, i, NULL), 0, 0, 0, 0 FROM n;
    COMMIT`)
  database.close()
}
