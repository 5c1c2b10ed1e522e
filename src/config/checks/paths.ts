/** Makes the paths of the configuration absolute, so that it does not matter where the service is started. */
import { dirname, isAbsolute, resolve } from 'node:path'
import { isPostgres, withFiles } from '../../postgres-url/url.ts'
import type { Env } from '../file/interpolate.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { error, type Problem } from '../problem.ts'
import type { Config } from '../schema/schema.ts'

// sun_path of unix(7) has 108 bytes, the last of them zero; a longer path would be truncated.
const MAX_SOCKET_PATH_BYTES = 107

/** A relative path is resolved against $RUNTIME_DIRECTORY, which systemd sets, or else against the folder of the file. */
function socketPath(file: string, path: string, env: Env): string {
  if (isAbsolute(path)) return path
  const [runtime = ''] = (env.RUNTIME_DIRECTORY ?? '').split(':')
  return resolve(runtime === '' ? dirname(file) : runtime, path)
}

/** Whether a socket beside the file has a path that is short enough. */
export function socketFits(file: string): boolean {
  return Buffer.byteLength(socketPath(file, 'admin.sock', {})) <= MAX_SOCKET_PATH_BYTES
}

export function checkSocketPath(
  file: string,
  { server }: Config,
  document: YamlDocument,
  env: Env,
): readonly Problem[] {
  if (server.admin_socket === undefined) return []
  const length = Buffer.byteLength(socketPath(file, server.admin_socket, env))
  if (length <= MAX_SOCKET_PATH_BYTES) return []
  const message = `server.admin_socket: the absolute path has ${length} bytes, but that of a Unix socket can have at most ${MAX_SOCKET_PATH_BYTES}`
  const hint = 'use a folder with a shorter path, such as /run/hookbridge'
  return [error('wrong_value', file, document.at(['server', 'admin_socket']), message, hint)]
}

interface Located {
  readonly store?: { readonly url: string }
  readonly server?: { readonly admin_socket?: string | undefined }
}

/** The same with absolute paths; missing keys are not added. */
export function withPaths<T extends Located>(file: string, config: T, env: Env): T {
  const { store, server } = config
  const socket = server?.admin_socket
  return {
    ...config,
    ...(store !== undefined && { store: { ...store, url: storeUrl(file, store.url) } }),
    ...(socket !== undefined && { server: { ...server, admin_socket: socketPath(file, socket, env) } }),
  }
}

function storeUrl(file: string, url: string): string {
  const absolute = (path: string) => resolve(dirname(file), path)
  if (isPostgres(url)) return withFiles(url, absolute)
  return `sqlite:${absolute(url.replace(/^sqlite:/, ''))}`
}
