/** A socket on which the service manager listens for us, as sd_listen_fds(3) takes it over. */

export type Inherited =
  /** Undefined where there is none, and the service opens its own. */
  { readonly ok: true; readonly fd: number | undefined } | { readonly ok: false; readonly problem: string }

const FIRST = 3
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']

/** Takes the variables out of `env`, so that no program that we start thinks the socket is its own. */
export function inheritSocket(env: NodeJS.ProcessEnv, pid: number): Inherited {
  const { LISTEN_PID: heir, LISTEN_FDS: count } = env
  // They are left from a program that started us, and took the socket itself.
  if (heir !== String(pid)) return { ok: true, fd: undefined }
  for (const name of VARIABLES) delete env[name]
  if (count === undefined || count === '0') return { ok: true, fd: undefined }
  if (count === '1') return { ok: true, fd: FIRST }
  const problem = `${count} sockets were passed on (LISTEN_FDS), but the service takes exactly one; give the socket unit one ListenStream`
  return { ok: false, problem }
}
