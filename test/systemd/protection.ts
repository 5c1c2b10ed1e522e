/** What others cannot do to the service, and what it cannot do to others. */
import { dirname } from 'node:path'
import type { Test } from 'tap'
import { newEvent } from '../support/service.ts'
import { documented } from './documented.ts'
import { CONFIG, type Place } from './place.ts'

// Of ten; systemd-analyze counts in tenths.
const MOST_EXPOSED = 15

export async function testProtection(t: Test, place: Place): Promise<void> {
  const { run, show } = place

  await t.test('its secrets are for the service alone', async (t) => {
    const credentials = '/run/credentials/hookbridge.service'
    const pid = await show('MainPID')
    const names = (await run(`ls ${credentials}`)).trim().split('\n')
    t.strictSame(
      names,
      Object.keys(place.secrets).map((name) => `credentials_${name}`),
    )
    const looks = [
      `ls ${credentials}`,
      `cat ${credentials}/*`,
      'cat /etc/hookbridge/credentials/*',
      `cat /proc/${pid}/environ`,
    ]
    for (const look of looks) {
      t.not((await place.machine().run(look, 'nobody')).code, 0, look)
      const dynamic = `systemd-run --quiet --wait --pipe --property=DynamicUser=yes sh -c '${look}'`
      t.not((await place.machine().run(dynamic)).code, 0, `${look}, as another service`)
    }
    const environment = await run(`cat /proc/${pid}/environ`)
    t.match(environment, `CREDENTIALS_DIRECTORY=${credentials}`)
    const reported = [
      environment,
      await run(`cat /proc/${pid}/cmdline`),
      await run('journalctl --no-pager --all'),
    ]
    for (const secret of Object.values(place.secrets))
      t.notOk(
        reported.some((text) => text.includes(secret)),
        'nowhere else',
      )
  })

  await t.test('it is locked in', async (t) => {
    const { code, out, err } = await place
      .machine()
      .run(`systemd-analyze security --no-pager --threshold=${MOST_EXPOSED} hookbridge.service`)
    t.equal(code, 0, /Overall exposure level.*/.exec(out)?.[0] ?? out)
    t.equal(err, '')
    t.strictSame(await place.machine().run('systemd-analyze verify hookbridge.service hookbridge.socket'), {
      code: 0,
      out: '',
      err: '',
    })
    const status = await run(`cat /proc/${await show('MainPID')}/status`)
    t.match(status, /^CapEff:\t0+$/m)
    t.match(status, /^NoNewPrivs:\t1$/m)
    t.match(status, /^Seccomp:\t2$/m)
    t.notMatch(status, /^Uid:\t0/m)
    t.equal((await run(`stat -c %a ${CONFIG}`)).trim(), '644')
  })

  await t.test('a drop-in shows it a folder that is hidden', async (t) => {
    const config = place.read(CONFIG)
    const template = '/home/alice/templates/default/slack.yaml'
    await run(`mkdir -p ${dirname(template)}; chmod 700 /home/alice`)
    place.write(template, 'text: from a home directory\n')
    place.write(CONFIG, config.replace('templates: templates', 'templates: /home/alice/templates'))
    t.not(
      (await place.machine().run('systemctl restart hookbridge')).code,
      0,
      'without it there is no such folder',
    )
    await run(documented('relax'))
    await place.deliver(newEvent('something.new'), 1)
    t.equal(place.sinks.slack.messages.at(-1)?.text, 'from a home directory')
    place.write(CONFIG, config)
    await run('rm -r /etc/systemd/system/hookbridge.service.d; systemctl daemon-reload')
    await run('systemctl restart hookbridge')
  })
}
