/** Socket activation, as sd_listen_fds(3): a listening socket that the service manager passes to this process. */

export type Inherited =
  /** Undefined if none was passed, so that the service opens its own. */
  { readonly ok: true; readonly fd: number | undefined } | { readonly ok: false; readonly problem: string }

// SD_LISTEN_FDS_START
const FIRST_FD = 3
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']

/** Removes the variables from `env`, so that child processes do not use the socket. */
export function inheritSocket(env: NodeJS.ProcessEnv, pid: number): Inherited {
  const { LISTEN_PID: listener, LISTEN_FDS: count } = env
  // Otherwise they are meant for a process that started this one.
  if (listener !== String(pid)) return { ok: true, fd: undefined }
  for (const name of VARIABLES) delete env[name]
  if (count === undefined || count === '0') return { ok: true, fd: undefined }
  if (count === '1') return { ok: true, fd: FIRST_FD }
  const problem = `${count} sockets were passed (LISTEN_FDS), but the service takes exactly one; leave one ListenStream in the socket unit`
  return { ok: false, problem }
}
