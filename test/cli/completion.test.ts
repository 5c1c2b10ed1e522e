import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hookbridge } from '../support/hookbridge.ts'
import { temporaryFolder } from '../support/service.ts'

const yaml = 'receivers: { deal-flow: {}, partners: {} }\nsources: { cuuro: {}, crm: {} }\nroutes: [what'

/** What is offered for the last of the words. */
async function offered(cwd: string, ...words: string[]): Promise<string[]> {
  const { code, out, err } = await hookbridge(['complete', '--', ...words], { cwd })
  t.match({ code, err }, { code: 0, err: '' })
  return out
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0] ?? '')
}

t.test('what may come next', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'config.yaml'), yaml.replace('[what', '[]'))
  writeFileSync(join(cwd, 'other.yaml'), 'receivers: { elsewhere: {} }\n')
  for (const [words, expected] of [
    [['ev'], ['events']],
    [['de'], ['deliveries', 'destinations', 'demo']],
    [['events', 'sh'], ['show']],
    [['events', 'show', ''], []],
    [
      ['events', '--s'],
      ['--source', '--subject', '--since'],
    ],
    [
      ['events', '--kind', ''],
      ['routed', 'unrouted', 'quarantined'],
    ],
    [['events', '--kind=un'], ['--kind=unrouted']],
    [['events', '--kind', '=', 'un'], ['unrouted']],
    [
      ['events', '--kind', '='],
      ['routed', 'unrouted', 'quarantined'],
    ],
    [
      ['resend', '--state', 'parked,d'],
      ['parked,delivered', 'parked,dead', 'parked,dismissed'],
    ],
    [
      ['replay', '--receiver', ''],
      ['deal-flow', 'partners'],
    ],
    [['--config', 'other.yaml', 'replay', '--receiver', ''], ['elsewhere']],
    [['--config=other.yaml', 'replay', '--receiver', ''], ['elsewhere']],
    [['replay', '--config', 'missing.yaml', '--receiver', ''], []],
    [
      ['send', '--source', 'c'],
      ['cuuro', 'crm'],
    ],
    [
      ['send', '--type', 'analysis.'],
      ['analysis.completed', 'analysis.created'],
    ],
    [['preview', '--type', 'analysis.completed', '--js'], ['--json']],
    [['check', '--config', ''], [':files']],
    [['preview', '--html', 'o'], [':files']],
    [['preview', ''], [':files']],
    [['backup', ''], [':files']],
    [['mi'], ['migrate-store']],
    [['migrate-store', 'sqlite:one.db', '--d'], ['--dry-run']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['completion', 'bash', ''], []],
    [['no-such-command', ''], []],
    [
      ['serve', '--'],
      ['--log-format', '--config', '--version', '--help'],
    ],
  ] as const) {
    t.strictSame((await offered(cwd, ...words)).toSorted(), [...expected].toSorted(), words.join(' '))
  }
  const all = await offered(cwd, '')
  t.ok(all.includes('serve') && all.includes('completion'))
  t.notOk(all.includes('complete'), 'what only shells use is not offered')
  writeFileSync(join(cwd, 'config.yaml'), yaml)
  t.strictSame(await offered(cwd, 'replay', '--receiver', ''), [], 'a broken configuration does no harm')
})

t.test('the scripts are for three shells; test/shells runs them', async (t) => {
  for (const shell of ['bash', 'zsh', 'fish'])
    t.match(await hookbridge(['completion', shell]), {
      code: 0,
      err: '',
      out: `hookbridge completion ${shell}`,
    })
  t.match(await hookbridge(['completion', 'tcsh']), { code: 2, err: /bash, zsh, fish/ })
})
