/** What others say may stand in the log, and never be more than words there. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const module = fileURLToPath(new URL('../../src/app/log.ts', import.meta.url))
const words = 'refused\x1b[2Jby\r\n{"level":30,"msg":"forged"}\x9b31m\u202e'

/** What a log writes of a message and a field that hold the words. */
async function written(terminal: boolean): Promise<string> {
  const script = `
    const { createLog, flushLog } = await import(${JSON.stringify(module)})
    const log = await createLog({ terminal: ${terminal} })
    log.warn({ source: ${JSON.stringify(words)} }, ${JSON.stringify(words)})
    await flushLog(log)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return stdout
}

t.test('on a terminal', async (t) => {
  const text = await written(true)
  t.match(text, /WARN.*: refused \[2Jby \{"level":30,"msg":"forged"\} 31m /)
  // Its own line breaks are all there is.
  t.notMatch(text, /[^\P{Cc}\n]|\u202e/u)
  t.notMatch(text, /^\s*\{/m, 'no line of its own')
})

t.test('as JSON lines', async (t) => {
  const text = await written(false)
  t.equal(text.trimEnd().split('\n').length, 1)
  t.match(JSON.parse(text), { level: 40, msg: words, source: words })
  t.notMatch(text, /[^\P{Cc}\n\u0080-\u009f]/u)
})
