/** Completion in bash, zsh and fish; apt-get installs those that are missing. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { shellWord } from '../../src/cli/command-name.ts'
import { installProgram } from '../support/debian.ts'
import { onTerminal } from '../support/pty.ts'
import { temporaryFolder } from '../support/service.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const CLEAR_LINE = '\u0015'

// The last word is completed.
const lines = [
  ['hookbridge desti', 'destinations'],
  ['hookbridge events --sub', '--subject'],
  ['hookbridge events --kind q', 'quarantined'],
  ['hookbridge events --kind=q', '--kind=quarantined'],
  ['hookbridge resend --state parked,dea', 'parked,dead'],
  ['hookbridge replay --receiver deal', 'deal-flow'],
  ['hookbridge --config other.yaml replay --receiver else', 'elsewhere'],
  ['hookbridge check --config conf', 'config.yaml'],
] as const

for (const [shell, command, load] of [
  ['bash', ['bash', '--norc', '--noprofile', '-i'], 'source <(hookbridge completion bash)'],
  [
    'zsh',
    ['zsh', '--no-rcs', '--interactive'],
    'autoload -U compinit && compinit -u -d "$PWD/dump" && source <(hookbridge completion zsh)',
  ],
] as const) {
  t.test(`in ${shell}`, async (t) => {
    installProgram(shell, shell)
    const { cwd, env } = folderWithProgram(t)
    const terminal = onTerminal(t, command, { cwd, env })
    terminal.type(`${load} && echo rea""dy\n`)
    await terminal.shows(/^ready$/m)
    for (const [typed, word] of lines) {
      terminal.type(`${typed}\t`)
      await terminal.shows(`${typed.slice(0, typed.lastIndexOf(' '))} ${word} `)
      terminal.type(CLEAR_LINE)
    }
  })
}

t.test('in fish', async (t) => {
  installProgram('fish', 'fish')
  const { cwd, env } = folderWithProgram(t)
  for (const [typed, word] of lines) {
    const script = `hookbridge completion fish | source; complete --do-complete ${shellWord(typed)}`
    const { status, stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      encoding: 'utf8',
    })
    t.match({ status, stderr }, { status: 0, stderr: '' })
    const words = stdout.split('\n').map((line) => line.split('\t')[0])
    t.strictSame(words, [word, ''], typed)
  }
})

/** Where `hookbridge` is a program in the path, beside a configuration. */
function folderWithProgram(t: Test) {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'config.yaml'), 'receivers: { deal-flow: {}, partners: {} }\n')
  writeFileSync(join(cwd, 'other.yaml'), 'receivers: { elsewhere: {} }\n')
  const program = `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`
  writeFileSync(join(cwd, 'hookbridge'), program, { mode: 0o755 })
  const env = { PATH: `${cwd}:${process.env.PATH}`, HOME: cwd, PS1: '> ', INPUTRC: '/dev/null' }
  return { cwd, env }
}
