import { closeSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { isJournal, withPriorities } from '../../../src/app/systemd/journal.ts'
import { temporaryFolder } from '../../support/service.ts'

t.test('each line has its priority in front, and is JSON behind it', async (t) => {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line), flush: (done: () => void) => done() }
  const log = pino({ level: 'trace' }, withPriorities(destination))
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
  for (const level of levels) log[level](level)
  log.child({ of: 'a child' }).error('again')
  t.strictSame(
    lines.map((line) => [line.slice(0, 3), JSON.parse(line.slice(3)).msg]),
    [
      ['<7>', 'trace'],
      ['<7>', 'debug'],
      ['<6>', 'info'],
      ['<4>', 'warn'],
      ['<3>', 'error'],
      ['<2>', 'fatal'],
      ['<3>', 'again'],
    ],
  )
  await new Promise<void>((resolve) => log.flush(() => resolve()))
})

t.test('only where the journal reads, which a pipe or a file in between changes', async (t) => {
  const fd = openSync(join(temporaryFolder(t), 'stream'), 'w')
  t.teardown(() => closeSync(fd))
  const { dev, ino } = fstatSync(fd)
  t.equal(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, fd), true)
  t.equal(isJournal({ JOURNAL_STREAM: `${dev}:${ino + 1}` }, fd), false)
  t.equal(isJournal({}, fd), false)
})
