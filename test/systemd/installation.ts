/** From a packed package to a service that delivers. */
import type { Test } from 'tap'
import { documented } from './documented.ts'
import { CONFIG, type Place } from './place.ts'

const [npmInstall = '', dryRun = '', install = ''] = documented('install').trim().split('\n')

export async function testInstallation(t: Test, place: Place): Promise<void> {
  const { run } = place
  const written = () =>
    place
      .machine()
      .output('find /etc /var/lib -newer /usr/local/bin/node -type f | grep -v /var/lib/systemd | sort')

  await t.test('without root it prints what would be done, and does nothing', async (t) => {
    await run(npmInstall)
    const before = await written()
    const { code, out, err } = await place.machine().run(dryRun, 'nobody')
    t.equal(code, 0, err)
    t.match(out, /would write \/etc\/systemd\/system\/hookbridge\.service[\s\S]*\nnothing was changed/)
    t.match(await place.machine().run(install, 'nobody'), { code: 1, err: /only root can install/ })
    t.equal(await written(), before)
  })

  await t.test('a Node or a package that the service could not read is refused', async (t) => {
    const folder = '/usr/local/lib/node_modules/hookbridge'
    const refusal = async (script: string) => {
      const { code, err } = await place.machine().run(script)
      t.equal(code, 1)
      return err.replace(/\s+/g, ' ')
    }
    const homely = `ln /usr/local/bin/node /root/node && /root/node ${folder}/bin/hookbridge.js install-service`
    t.match(await refusal(homely), "Node's binary /root/node is in /root, which the service does not see")
    const closed = `chmod 700 ${folder} && hookbridge install-service`
    t.match(await refusal(closed), `/bin/hookbridge.js is in ${folder}, which only its owner may enter`)
    await run(`rm /root/node; chmod 755 ${folder}; test ! -e /etc/hookbridge`)
  })

  await t.test('it installs, and a second time changes nothing', async (t) => {
    const said = await run(install)
    t.match(said, /wrote \/etc\/hookbridge\/config\.yaml\n/)
    t.match(said, /install -m 600 \/dev\/stdin \/etc\/hookbridge\/credentials\/slack-bot-token\n/)
    const widest = Math.max(...said.split('\n').map((line) => line.length))
    t.ok(widest <= 80, `nothing is wider than 80 columns: ${widest}`)
    const before = await written()
    t.match(before, '/etc/systemd/system/hookbridge.service\n')
    t.match(await run(install), /^everything is in place/)
    t.equal(await written(), before)
    const [socket, service] = await place
      .machine()
      .output('systemctl is-enabled hookbridge.socket hookbridge.service')
      .then((out) => out.split('\n'))
    t.strictSame([socket, service], ['enabled', 'enabled'])
    t.equal(await place.show('ActiveState'), 'inactive', 'the operator starts it')
  })

  await t.test('without its secrets it does not start, and says which, where', async (t) => {
    const address = documented('address', { '127.0.0.1:8081': `127.0.0.1:${place.port}` })
    await run(address.replace(/^systemctl restart.*$/m, ''))
    t.not((await place.machine().run('systemctl start hookbridge')).code, 0)
    const journal = await place.journal()
    t.match(journal, /config\.yaml:\d+:\d+: .*"credentials\/slack-bot-token"/)
    t.equal(await place.show('NRestarts'), '0', 'what a start cannot fix is not tried again')
    t.equal(await place.show('ActiveState'), 'failed')
  })

  await t.test('with its secrets it starts, and delivers', async (t) => {
    const lines = documented('secrets').trim().split('\n')
    t.equal(lines.length, Object.keys(place.secrets).length)
    for (const line of lines) {
      const value = place.secrets[line.split('/').at(-1) ?? '']
      await run(`printf '%s\\n' '${value}' | ${line}`)
    }
    const config = place.read(CONFIG)
    const slack = `  slack:\n    api_url: ${place.sinks.slack.url}\n    rate: 100000/s\n    burst: 1000\n`
    place.write(CONFIG, config.replace(/^ {2}slack:\n/m, slack))
    t.match(await run(documented('start')), /fine[\s\S]*Active: active \(running\)/)
    await place.deliver()
  })
}
