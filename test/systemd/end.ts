/** Copies, upgrades, and the end of a service. */
import type { Test } from 'tap'
import { until } from '../support/until.ts'
import { documented } from './documented.ts'
import { CONFIG, type Place } from './place.ts'

const UNIT = '/etc/systemd/system/hookbridge.service'
const PACKAGED = '/usr/local/lib/node_modules/hookbridge/packaging/hookbridge.service'

export async function testEnd(t: Test, place: Place): Promise<void> {
  const { run, show, deliver } = place

  await t.test('a copy of the store is a store', async (t) => {
    const id = await deliver()
    await run(documented('backup'))
    const later = await deliver()
    await run(documented('restore'))
    const events = await run(`hookbridge events --config ${CONFIG}`)
    t.match(events, id)
    t.notMatch(events, later)
    await deliver()
  })

  await t.test(
    'an upgrade brings the unit up to date, and leaves one that was changed by hand',
    async (t) => {
      place.write(PACKAGED, `${place.read(PACKAGED)}\n# of an older version\n`)
      await run('hookbridge install-service')
      t.match(place.read(UNIT), '# of an older version')
      const before = await show('MainPID')
      const said = await run(documented('upgrade'))
      t.match(said, `replaced ${UNIT}\nran systemctl daemon-reload\n`)
      t.notMatch(place.read(UNIT), '# of an older version')
      t.not(await show('MainPID'), before)
      await deliver()
      const changed = `${place.read(UNIT)}Nice=5\n`
      place.write(UNIT, changed)
      const { code, err } = await place.machine().run('hookbridge install-service')
      t.match(
        { code, err: err.replace(/\s+/g, ' ') },
        { code: 1, err: /was changed by hand.*systemctl edit/ },
      )
      t.equal(place.read(UNIT), changed)
      place.write(UNIT, changed.replace('Nice=5\n', ''))
      t.match(
        await run('hookbridge install-service'),
        /^ran systemctl daemon-reload\n\nNext/,
        'it was read changed',
      )
      t.match(await run('hookbridge install-service'), /^everything is in place/)
    },
  )

  await t.test('stopped and disabled, it stays stopped and disabled', async (t) => {
    await run(documented('stop'))
    t.equal(await show('ActiveState'), 'inactive')
    await t.rejects(fetch(`${place.url}/livez`), 'nobody listens')
    t.match(await run('hookbridge install-service'), 'systemctl enable hookbridge.service hookbridge.socket')
    await place.reboot()
    t.equal(await show('ActiveState'), 'inactive')
  })

  await t.test('removed, it leaves what is the user’s', async (t) => {
    await run('systemctl enable --now hookbridge.socket hookbridge.service')
    const id = await deliver()
    const dry = await run('hookbridge install-service --uninstall --dry-run')
    t.match(dry, `would remove ${UNIT}\n`)
    await deliver()
    const config = place.read(CONFIG)
    const uninstall = documented('uninstall').trim().split('\n')
    const said = await run(uninstall[0] ?? '')
    t.match(said, 'rm -r /etc/hookbridge')
    t.equal(await show('LoadState'), 'not-found')
    await until(async () => (await show('ActiveState')) === 'inactive', 'its end')
    t.equal(place.read(CONFIG), config)
    t.match(await run(`hookbridge events --config ${CONFIG}`), id)
    t.match(await run(uninstall[0] ?? ''), 'there is no service to remove')
    await run(uninstall.slice(1).join('\n'))
    await run('test ! -e /usr/local/bin/hookbridge')
    await run(said.slice(said.indexOf('rm -r')))
    await run('test ! -e /etc/hookbridge -a ! -e /var/lib/hookbridge -a ! -e /var/lib/private/hookbridge')
    t.equal((await run("find /etc/systemd -name 'hookbridge*'")).trim(), '')
  })
}
