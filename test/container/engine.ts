/** Builds and runs images with Debian's buildah and podman, without systemd and without a registry. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { installPackages } from '../support/debian.ts'
import { makeDebian } from '../support/debootstrap.ts'

const exec = promisify(execFile)
const LARGEST_OUTPUT = 64 * 1024 * 1024
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Engine {
  /** Makes an image under the name of Node's own: the same Debian with the Node of this process, and its npm. */
  makeBase(name: string): Promise<void>
  build(containerfile: string, context: string, ...options: readonly string[]): Promise<void>
  /** Podman, as a user has it. Throws where it fails, unless `mayFail`. */
  podman(args: readonly string[], mayFail?: boolean): Promise<Ran>
  end(): Promise<void>
}

/** `folder` takes the images; it must not be on an overlay file system. */
export function startEngine(folder: string): Engine {
  for (const program of ['buildah', 'podman', 'crun']) {
    if (spawnSync(program, ['--version']).status === 0) continue
    installPackages(program, 'buildah', 'podman', 'crun', 'ca-certificates')
    break
  }
  const storage = [
    '--root',
    join(folder, 'images'),
    '--runroot',
    join(folder, 'run'),
    '--storage-driver',
    'overlay',
  ]
  const buildah = (...args: string[]) => run('buildah', [...storage, ...args])
  const space = mountNamespace()
  const podman = (args: readonly string[], mayFail = false) => {
    const entered = ['--target', String(space.pid), '--mount', '--wd=/', 'podman']
    const own = ['--tmpdir', join(folder, 'tmp'), '--cgroup-manager', 'cgroupfs']
    return run('nsenter', [...entered, ...storage, ...own, ...args], mayFail)
  }

  return {
    async makeBase(name) {
      const root = join(folder, 'base')
      await makeRoot(root)
      const container = (await buildah('from', 'scratch')).stdout.trim()
      await buildah('add', '--quiet', container, root, '/')
      rmSync(root, { recursive: true })
      await buildah('config', '--cmd', 'node', container)
      await buildah('commit', '--quiet', '--rm', '--disable-compression', container, name)
    },
    async build(containerfile, context, ...options) {
      const npmrc = join(folder, 'npmrc')
      writeFileSync(npmrc, await npmSettings(), { mode: 0o600 })
      await buildah(
        ...['build', '--isolation', 'chroot', '--pull-never', '--format', 'docker'],
        ...['--secret', `id=npmrc,src=${npmrc}`, '--volume', `${CERTIFICATES}:${CERTIFICATES}:ro`],
        ...['--ignorefile', `${containerfile}.dockerignore`, '--file', containerfile, ...options, context],
      )
    },
    podman,
    async end() {
      await podman(['rm', '--all', '--force'], true)
      await new Promise((resolve) => {
        space.once('close', resolve)
        space.kill('SIGKILL')
      })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Podman's mounts live in a namespace of their own, and go with it. In there the second hierarchy of cgroups, which some
 * machines have beside the first, is out of sight: crun wants one.
 */
function mountNamespace(): ChildProcess {
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec sleep infinity'
  return spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { stdio: 'ignore' })
}

/** A minimal Debian as Node's slim images have it: libraries, certificates, node and npm. */
async function makeRoot(root: string): Promise<void> {
  await makeDebian(root, ['libatomic1', 'libstdc++6', 'ca-certificates'])
  for (const path of ['var/cache/apt/archives', 'var/lib/apt/lists'])
    rmSync(join(root, path), { recursive: true })
  const npm = dirname(dirname(realpathSync((await run('sh', ['-c', 'command -v npm'])).stdout.trim())))
  cpSync(realpathSync(process.execPath), join(root, 'usr/local/bin/node'))
  mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true })
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
}

/** npm's settings on this machine, for a machine that shares only the certificates. */
async function npmSettings(): Promise<string> {
  const { stdout: registry } = await run('npm', ['config', 'get', 'registry'])
  const { stdout: own } = await run('sh', [
    '-c',
    'cat "$1" 2>/dev/null || true',
    'sh',
    join(homedir(), '.npmrc'),
  ])
  return `${own}\nregistry=${registry.trim()}\ncafile=${CERTIFICATES}\n`
}

/** Without the hooks that the test runner gives to every Node it starts. */
async function run(program: string, args: readonly string[], mayFail = false): Promise<Ran> {
  const { NODE_OPTIONS: _, ...env } = process.env
  try {
    const { stdout, stderr } = await exec(program, args, { env, maxBuffer: LARGEST_OUTPUT })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '', message } = error as Error & { code?: unknown } & Partial<Ran>
    if (mayFail && typeof code === 'number') return { code, stdout, stderr }
    throw new Error(`${message}\n${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`)
  }
}
