/** The operator's page, done on a Debian that systemd boots: from the installation to the removal. */
import t from 'tap'
import { notRun } from './documented.ts'
import { testEnd } from './end.ts'
import { testInstallation } from './installation.ts'
import { testOperation } from './operation.ts'
import { openPlace } from './place.ts'
import { testProtection } from './protection.ts'

const place = await openPlace(t)

await testInstallation(t, place)
// Each works on what the one before left.
for (const part of [testProtection, testOperation, testEnd]) if (t.passing()) await part(t, place)

t.test('every command of the page has run', async (t) => {
  t.strictSame(notRun(), [])
})
