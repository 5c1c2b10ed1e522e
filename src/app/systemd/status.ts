/** The line that `systemctl status` shows, problems first. */

/** Counts are since the start. */
export interface Status {
  received: number
  delivered: number
  /** Parked or dead. */
  failed: number
  /** The problems of the last reload; empty if it succeeded, or there was none. */
  reload: readonly string[]
  /** The store's last error; null while it works. */
  store: string | null
}

export function statusLine(where: string, status: Readonly<Status>): string {
  const { received, delivered, failed, reload, store } = status
  const problems = [
    ...(store === null ? [] : [`the store is unavailable: ${store}`]),
    ...(reload.length === 0 ? [] : [`not reloaded: ${firstOf(reload)}`]),
  ]
  const counts = [
    `${received} ${received === 1 ? 'event' : 'events'} received`,
    `${delivered} ${delivered === 1 ? 'message' : 'messages'} delivered`,
    ...(failed === 0 ? [] : [`${failed} parked or dead`]),
  ]
  return [...problems, where, counts.join(', ')].join('; ')
}

function firstOf([first = '', ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first}, and ${others.length} more in the log`
}
