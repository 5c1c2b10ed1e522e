import type { Test } from 'tap'
import { appendContract } from './contract/append.ts'
import { backlogContract } from './contract/backlog.ts'
import { claimContract } from './contract/claim.ts'
import { completeContract } from './contract/complete.ts'
import { destinationContract } from './contract/destinations.ts'
import { enrichmentContract } from './contract/enrichments.ts'
import { heldProperty } from './contract/held-property.ts'
import { historyContract } from './contract/history.ts'
import { modelContract } from './contract/model.ts'
import type { Harness } from './contract/sample.ts'

/** What every store keeps. `create` makes an empty store for one test, and lets go of it when that test ends. */
export function storeContract(t: Test, create: (t: Test) => Harness): void {
  appendContract(t, create)
  claimContract(t, create)
  completeContract(t, create)
  destinationContract(t, create)
  enrichmentContract(t, create)
  historyContract(t, create)
  backlogContract(t, create)
  heldProperty(t, create)
  modelContract(t, create)
}
