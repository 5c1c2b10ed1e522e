/** A Debian in a folder, made by debootstrap from the mirror that this machine itself uses. */
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { installPackages } from './debian.ts'

const exec = promisify(execFile)
const LARGEST_OUTPUT = 64 * 1024 * 1024

/** Makes it, with packages beyond the least; throws where this machine cannot. */
export async function makeDebian(folder: string, packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('only root makes a Debian: run this suite as root')
  if (spawnSync('which', ['debootstrap']).status !== 0) installPackages('debootstrap', 'debootstrap')
  const [mirror] = await mirrors()
  if (mirror === undefined)
    throw new Error('apt knows no Debian archive: name one in /etc/apt/sources.list.d')
  const options = ['--variant=minbase', `--include=${packages.join(',')}`]
  await program('debootstrap', [...options, mirror.release, folder, mirror.url], await proxy())
}

/** Debian's own archives that apt knows, without those of updates. */
async function mirrors(): Promise<{ url: string; release: string }[]> {
  const format = '$(REPO_URI) $(CODENAME) $(COMPONENT) $(LABEL)'
  const listed = await program('apt-get', ['indextargets', '--format', format, 'Identifier: Packages'])
  return listed.split('\n').flatMap((line) => {
    const [url = '', release = '', component, label] = line.split(' ')
    return component === 'main' && label === 'Debian' && !release.includes('-') ? [{ url, release }] : []
  })
}

/** debootstrap fetches by itself, and does not read apt's settings. */
async function proxy(): Promise<NodeJS.ProcessEnv> {
  const url = /'(.*)'/.exec(await program('apt-config', ['shell', 'PROXY', 'Acquire::http::Proxy']))?.[1]
  return url === undefined ? {} : { http_proxy: url }
}

/** What it printed; an error contains all of that. */
async function program(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    const options = { env: { ...process.env, ...env }, maxBuffer: LARGEST_OUTPUT }
    return (await exec(name, args, options)).stdout
  } catch (error) {
    const { message, stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string }
    throw new Error(`${message}\n${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`)
  }
}
