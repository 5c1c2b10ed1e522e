import { execFile } from 'node:child_process'
import { type Finding, fine, unknown, wrong } from '../core/finding.ts'

// In a process of its own: SQLite checks a file in one call, which nothing else can interrupt.
const SCRIPT = `const { DatabaseSync } = require('node:sqlite')
const database = new DatabaseSync(process.argv[1], { readOnly: true, timeout: 10000 })
for (const row of database.prepare('PRAGMA quick_check(3)').all()) console.log(row.quick_check)`

// SQLite's messages for a file that is not a database, or too damaged to check.
const DAMAGED = /malformed|not a database/

/** Reads the whole file and looks for damage, for as long as `limitMs`. It may be in use. */
export function checkDamage(path: string, limitMs: number): Promise<Finding> {
  return new Promise((resolve) => {
    const options = { timeout: limitMs, killSignal: 'SIGKILL' } as const
    execFile(process.execPath, ['-e', SCRIPT, path], options, (error, stdout, stderr) => {
      if (error?.killed === true) return resolve(unfinished(path, limitMs))
      if (error !== null && !DAMAGED.test(stderr)) return resolve(unreadable(path, stderr))
      const lines = stdout.split('\n').filter((line) => line !== '')
      if (error === null && lines.length === 1 && lines[0] === 'ok')
        return resolve(fine('store_intact', 'SQLite finds no damage in it'))
      resolve(damaged(path, error === null ? lines.join('; ') : wordsOf(stderr)))
    })
  })
}

function damaged(path: string, found: string): Finding {
  return wrong(
    'store_damaged',
    `${path} is damaged: ${found}`,
    'Events may be lost, and messages repeated or missing: SQLite fails whenever it reads the damaged part.',
    'look into the system log for errors of the disk, stop the service, and restore a backup ("hookbridge restore FILE")',
  )
}

function unfinished(path: string, limitMs: number): Finding {
  return unknown(
    'store_check_unfinished',
    `the check of ${path} for damage did not end within ${limitMs / 1000} s`,
    '',
    'give it more time with --timeout',
  )
}

function unreadable(path: string, stderr: string): Finding {
  return unknown('store_check_failed', `${path} could not be checked for damage: ${wordsOf(stderr)}`, '', '')
}

function wordsOf(stderr: string): string {
  return /^Error: (.*)$/m.exec(stderr)?.[1] ?? 'no reason given'
}
