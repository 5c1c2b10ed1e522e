/** nginx and Caddy, from Debian's packages, with the configurations that are shipped: other addresses, and nothing else. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { fenced, readPage, section } from '../docs/pages.ts'
import { temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

export const proxies = ['nginx', 'caddy'] as const
export type Proxy = (typeof proxies)[number]

export interface Front {
  readonly url: string
  readonly port: number
  log(): string
}

/** In front of instances at these addresses, host and port. */
export async function startFront(
  t: Test,
  proxy: Proxy,
  port: number,
  instances: readonly string[],
): Promise<Front> {
  const folder = temporaryFolder(t)
  const args = proxy === 'nginx' ? nginx(folder, port, instances) : caddy(folder, port, instances)
  const running = spawn(proxy, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  })
  let output = ''
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  t.teardown(() => end(running))
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (running.exitCode !== null) throw new Error(`${proxy} ended with ${running.exitCode}: ${output}`)
    return fetch(url).then(
      () => true,
      () => false,
    )
  }, `${proxy} to listen`)
  return { url, port, log: () => output }
}

function nginx(folder: string, port: number, instances: readonly string[]): readonly string[] {
  const file = readFileSync(new URL('../../packaging/scale/nginx.conf', import.meta.url), 'utf8')
  const servers = instances.map((address) => `server ${address} max_fails=0;`).join('\n')
  // Debian's nginx has no `resolve`, and needs none for addresses.
  const conf = substituted(
    substituted(file, /(server hookbridge-\d:8080 resolve max_fails=0;\s+)+/, servers),
    /listen 8080;/,
    `listen 127.0.0.1:${port};`,
  )
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  )
  // Its workers write bodies into a folder that is this user's alone.
  const main = `
user root;
daemon off;
pid ${join(folder, 'pid')};
error_log stderr;
events {}
http {
access_log off;
${temporary.join('\n')}
${conf}}
`
  writeFileSync(join(folder, 'nginx.conf'), main)
  return ['-e', 'stderr', '-c', join(folder, 'nginx.conf')]
}

function caddy(folder: string, port: number, instances: readonly string[]): readonly string[] {
  const [file = ''] = fenced(section(readPage('docs/scale.md'), 'caddy'), '')
  const conf = substituted(
    substituted(file, /hookbridge-1:8080 hookbridge-2:8080 hookbridge-3:8080/, instances.join(' ')),
    /^hooks\.example\.com/m,
    `http://127.0.0.1:${port}`,
  )
  writeFileSync(join(folder, 'Caddyfile'), `{\n\tadmin off\n}\n${conf}`)
  return ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile']
}

function substituted(text: string, pattern: RegExp, by: string): string {
  if (!pattern.test(text)) throw new Error(`the configuration has no ${pattern}:\n${text}`)
  return text.replace(pattern, by)
}

async function end(running: ChildProcess): Promise<void> {
  if (running.exitCode !== null || running.signalCode !== null) return
  const ended = new Promise((resolve) => running.once('exit', resolve))
  running.kill('SIGTERM')
  await ended
}
