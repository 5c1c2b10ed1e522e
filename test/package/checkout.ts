/** A checkout without what only development needs, and what npm installs from one. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { serves } from './serving.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Given {
  /** The checkout and what is installed from it are made in here. */
  readonly folder: string
  readonly node: string
  readonly oldNode: string
  readonly run: (program: string, args: readonly string[], cwd?: string) => Promise<string>
}

export async function testCheckout(t: Test, { folder, node, oldNode, run }: Given): Promise<void> {
  const checkout = join(folder, 'checkout')
  const command = join(checkout, 'bin/hookbridge.js')
  const { version } = JSON.parse(
    execFileSync('git', ['show', ':package.json'], { cwd: root, encoding: 'utf8' }),
  )
  cloneTo(checkout)

  await t.test('says that it needs npm ci, on any Node', async (t) => {
    for (const one of [node, oldNode])
      t.match(await run(one, [command, '--version'], folder).catch((error) => error), {
        code: 2,
        stderr: `hookbridge has no packages yet: run npm ci in ${checkout}/\n`,
      })
  })

  await t.test('runs without what only development needs', async (t) => {
    await run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'], checkout)
    t.equal(await run('npx', ['hookbridge', '--version'], checkout), `${version}\n`)
    t.equal(
      await run(oldNode, [command, '--version'], folder),
      `${version}\n`,
      'with the Node that npm ci brought',
    )
    const made = await run('npx', ['hookbridge', 'init', 'made'], checkout)
    const [, check = ''] = /:\n {5}(npx hookbridge check .*)\n/.exec(made) ?? []
    t.match(
      await run('sh', ['-c', check], checkout),
      /config\.yaml: fine/,
      'what init prints works as it stands',
    )
    const demo = await run('npm', ['run', '--silent', 'demo'], checkout)
    t.match(demo, /Slack #deal-flow[\s\S]*2 delivered/)
    await serves(t, node, command, join(folder, 'served-checkout'))
    await serves(t, oldNode, command, join(folder, 'served-by-the-pinned-node'))
  })

  await t.test('can be installed, as a link and from its git repository', async (t) => {
    for (const [name, source] of [
      ['linked', '.'],
      ['from-git', `git+file://${checkout}`],
    ] as const) {
      const prefix = join(folder, name)
      const options = ['--prefix', prefix, '--no-audit', '--no-fund', '--loglevel=error']
      await run('npm', ['install', '--global', ...options, source], checkout)
      const installed = join(prefix, 'bin/hookbridge')
      t.equal(await run(installed, ['--version'], folder), `${version}\n`, name)
      t.match(await run(installed, ['demo'], folder), /2 delivered/, name)
    }
    const imported = join(folder, 'from-git/lib/node_modules/hookbridge/bin/index.js')
    const program = `import { startService } from ${JSON.stringify(imported)}; console.log(typeof startService)`
    t.equal(await run(node, ['--input-type=module', '--eval', program], folder), 'function\n')
  })
}

/** A repository with what is in this one's work tree, committed or not. */
function cloneTo(folder: string): void {
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], {
      cwd,
      encoding: 'utf8',
    })
  const files = git(root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate')
  for (const file of files.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(join(root, file), join(folder, file))
  }
  git(folder, 'init', '--quiet')
  git(folder, 'add', '--all')
  git(folder, 'commit', '--quiet', '--message', 'all')
}
