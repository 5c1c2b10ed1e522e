/**
 * A process that opens the store at argv[2] as the service. With argv[3] `append` it stores events, eight at a time,
 * and prints each id that was acknowledged; otherwise it claims all that is due, prints `ready`, and stays.
 */
import { writeSync } from 'node:fs'
import { openSqlite } from '../../src/store/sqlite.ts'
import { entry, event, everything, planned, START } from './contract/sample.ts'

const [path = '', work = ''] = process.argv.slice(2)
const store = await openSqlite({ path, role: 'service' })
if (work === 'append') {
  let number = 0
  const appending = async () => {
    for (;;) {
      number += 1
      const appended = await store.append(entry(event(number), [planned(), planned({ target: '#other' })]))
      if (appended.kind === 'stored') writeSync(1, `${appended.id}\n`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, appending))
} else {
  await store.claim(everything(START + 1_000))
  writeSync(1, 'ready\n')
  setInterval(() => {}, 1_000_000)
}
