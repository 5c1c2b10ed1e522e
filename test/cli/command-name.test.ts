import t from 'tap'
import { commandName, shellWord } from '../../src/cli/command-name.ts'
import { packageFolder, program } from '../../src/config/package.ts'

t.test('a command begins as the user began', async (t) => {
  t.equal(commandName('/usr/local/bin/hookbridge', '/'), 'hookbridge', 'installed for all')
  t.equal(commandName('/usr/local/bin/hookbridge', packageFolder), 'hookbridge', 'also beside the sources')
  t.equal(commandName('/root/.npm/_npx/1/node_modules/.bin/hookbridge', packageFolder), 'npx hookbridge')
  t.equal(commandName('/project/node_modules/.bin/hookbridge', '/project'), 'npx hookbridge')
  t.equal(commandName(program, packageFolder), 'npx hookbridge', 'an npm script of the checkout')
  t.equal(commandName(program, `${packageFolder}/src`), 'npx hookbridge', 'npx looks upwards')
  t.equal(commandName('/opt/hookbridge/bin/hookbridge.js', '/'), 'node /opt/hookbridge/bin/hookbridge.js')
  t.equal(commandName("/o'p t/hookbridge.js", '/'), "node '/o'\\''p t/hookbridge.js'")
})

t.test('words that a shell would change are quoted', async (t) => {
  t.equal(shellWord('/etc/hookbridge/config.yaml'), '/etc/hookbridge/config.yaml')
  t.equal(shellWord('$HOME'), "'$HOME'")
  t.equal(shellWord(''), "''")
})
