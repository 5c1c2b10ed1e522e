/** Reports a check that throws as a problem. */
import { describeThrown } from '../../core/text/thrown.ts'
import type { Problem } from '../problem.ts'

type Place = Pick<Problem, 'severity' | 'file' | 'line' | 'column'>

/**
 * Runs a check that routes or renders events. If it throws, that is a bug that concerns only this check. It is reported as a problem
 * at `place`, so that other checks still run, and a service with this configuration still starts.
 */
export function caught(place: Place, doing: string, check: () => readonly Problem[]): readonly Problem[] {
  try {
    return check()
  } catch (error) {
    const message = `unexpected error while ${doing}: ${describeThrown(error)}`
    return [{ ...place, code: 'unexpected_error', message, hint: IS_BUG }]
  }
}

const IS_BUG = 'this is a bug in Hookbridge: please report it, with this line and what is configured here'
