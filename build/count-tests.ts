/** Reads what a suite printed as TAP, and prints `PASSED FAILED`. */
import { readFileSync } from 'node:fs'
import { testCounts } from './test-counts.ts'

const { passed, failed } = testCounts(readFileSync(0, 'utf8'))
console.log(`${passed} ${failed}`)
