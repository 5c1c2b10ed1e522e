/** Runs test files in this process, one after the other, each as a test that has the file's tests in it. */
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { filesOf, type Group, TEST_FOLDER } from './groups.ts'

const FILE_TIMEOUT_MS = 600_000

let testOfFile: Test | undefined

/** What `import t from 'tap'` gives to the file that is being imported. */
export function currentTest(): Test {
  if (testOfFile === undefined) throw new Error('no test file is being run')
  return testOfFile
}

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'tap' || !context.parentURL?.endsWith('.test.ts')) return next(specifier, context)
    // Each file has a module of its own: a module is evaluated once.
    const source = `import { currentTest } from '${import.meta.url}'; export default currentTest() // ${context.parentURL}`
    return { url: `data:text/javascript,${encodeURIComponent(source)}`, format: 'module', shortCircuit: true }
  },
})

export async function runGroup(group: Group): Promise<void> {
  await runFiles(TEST_FOLDER, filesOf(group))
}

export async function runFiles(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    await t.test(`test/${file}`, { timeout: FILE_TIMEOUT_MS }, async (t) => {
      testOfFile = t
      await import(join(folder, file))
    })
  }
}
