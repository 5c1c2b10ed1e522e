import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { asRun, commandName, shellWord } from '../../src/cli/command-name.ts'
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

t.test('commands in errors and hints are those of one who runs it so', async (t) => {
  const text =
    'run `hookbridge init`, or ask "hookbridge events show ID"; hookbridge itself, "hookbridge" and \'hookbridge x\' stay'
  t.equal(asRun('hookbridge', text), text)
  t.equal(
    asRun('npx hookbridge', text),
    'run `npx hookbridge init`, or ask "npx hookbridge events show ID"; hookbridge itself, "hookbridge" and \'hookbridge x\' stay',
  )
})

t.test('the sources name commands in the form that is translated', async (t) => {
  const src = join(packageFolder, 'src')
  const commands =
    'serve|check|explain|routes|preview|reload|health|send|events|deliveries|destinations|replay|resend|dismiss|doctor|init'
  const bare = new RegExp(`(?<!["\`/])\\bhookbridge (?:${commands})\\b`)
  // What these write stays as it is: files and messages, in which the installed command is named.
  const written = [
    'config/starter.ts',
    'core/notice/inbox.ts',
    'core/notice/notice.ts',
    'core/notice/together.ts',
  ]
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !written.includes(file),
  )
  t.ok(files.length > 100)
  const found = files.flatMap((file) =>
    readFileSync(join(src, file), 'utf8')
      .replace(/\/\*[\s\S]*?\*\/|^ *\/\/.*$/gm, '')
      .split('\n')
      .filter((line) => bare.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  )
  t.strictSame(found, [])
})
