import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { environment } from '../../support/config-fixtures.ts'
import { temporaryFolder } from '../../support/service.ts'

const yaml = `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`

function fingerprintOf(file: string): string {
  const loaded = loadConfig(file, environment)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.compiled.fingerprint
}

t.test('a configuration has one fingerprint, wherever it comes from', async (t) => {
  const folder = temporaryFolder(t)
  const ofFile = (text: string, name = 'config.yaml') => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return fingerprintOf(file)
  }
  const ofPipe = async (text: string) => {
    const pipe = join(folder, 'pipe')
    if (spawnSync('test', ['-p', pipe]).status !== 0) t.equal(spawnSync('mkfifo', [pipe]).status, 0)
    const writer = spawn('sh', ['-c', 'printf %s "$TEXT" > "$PIPE"'], { env: { TEXT: text, PIPE: pipe } })
    const ended = new Promise((resolve) => writer.on('close', resolve))
    const fingerprint = fingerprintOf(pipe)
    await ended
    return fingerprint
  }
  const one = ofFile(yaml)
  const other = ofFile(yaml.replaceAll('here', 'there'))
  t.match(one, /^[0-9a-f]{12}$/)
  t.not(one, other)
  t.equal(ofFile(yaml, 'other.yaml'), one)
  t.equal(await ofPipe(yaml), one)
  t.equal(await ofPipe(yaml.replaceAll('here', 'there')), other)

  mkdirSync(join(folder, 'looks', 'default'), { recursive: true })
  const template = (text: string) => {
    writeFileSync(join(folder, 'looks', 'default', 'console.txt'), text)
    return ofFile(`${yaml}templates: looks\n`)
  }
  t.not(template('one'), template('two'))
})
