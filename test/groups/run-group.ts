import '../support/property-seed.ts'
import { groupNames } from './groups.ts'
import { runGroup } from './run-files.ts'

const group = groupNames.find((name) => name === process.argv[2])
if (group === undefined) throw new Error(`name a group: ${groupNames.join(', ')}`)
await runGroup(group)
