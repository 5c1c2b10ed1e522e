/** The log loses nothing, and what others say is never more than words there. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const module = fileURLToPath(new URL('../../src/app/log.ts', import.meta.url))
const words = 'refused\x1b[2Jby\r\n{"level":30,"msg":"forged"}\x9b31m\u202e\u2066\u2028'

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
  t.notMatch(text, /[^\P{Cc}\n]|\p{Bidi_Control}|\u2028/u)
  t.notMatch(text, /^\s*\{/m, 'no line of its own')
})

t.test('as JSON lines', async (t) => {
  const text = await written(false)
  t.equal(text.trimEnd().split('\n').length, 1)
  t.match(JSON.parse(text), { level: 40, msg: words, source: words })
  t.notMatch(text, /[^\P{Cc}\n]|\p{Bidi_Control}|\u2028/u)
})

/** What a program prints that has a log. */
async function printed(body: string): Promise<string> {
  const script = `
    const { createLog, flushLog } = await import(${JSON.stringify(module)})
    const log = await createLog({})
    ${body}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    maxBuffer: 100_000_000,
  })
  return stdout
}

/** The numbers that the lines hold. */
function numbers(text: string): number[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).number)
}

t.test('lines are written together, whole and in order', async (t) => {
  const count = 20_000
  const all = Array.from({ length: count }, (_, number) => number)
  const logAll = `for (let number = 0; number < ${count}; number++) log.info({ number }, 'é漢😀')`
  t.strictSame(numbers(await printed(`${logAll}; await flushLog(log)`)), all, 'once they are asked for')
})

t.test('a line is written soon, also if none follows', async (t) => {
  const script = `
    const { createLog } = await import(${JSON.stringify(module)})
    const log = await createLog({})
    log.info({ number: 1 })
    setInterval(() => {}, 60_000)`
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => program.kill('SIGKILL'))
  const [line] = await once(program.stdout, 'data')
  t.strictSame(numbers(String(line)), [1])
})

t.test('what waits is written when the process ends', async (t) => {
  t.strictSame(
    numbers(await printed('log.info({ number: 1 }); log.error({ number: 2 }); process.exit(0)')),
    [1, 2],
  )
})
