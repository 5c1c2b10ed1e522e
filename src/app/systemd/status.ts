/** The line that `systemctl status` shows: first what is wrong. */

/** Counts are since the start. */
export interface Status {
  received: number
  delivered: number
  /** Parked or dead. */
  givenUp: number
  /** Why the last reload changed nothing; empty where it worked, or there was none. */
  reload: readonly string[]
  /** What the store said when it last refused a change; null while it takes them. */
  store: string | null
}

export function statusLine(where: string, status: Readonly<Status>): string {
  const { received, delivered, givenUp, reload, store } = status
  const wrong = [
    ...(store === null ? [] : [`the store takes no changes: ${store}`]),
    ...(reload.length === 0 ? [] : [`not reloaded: ${firstOf(reload)}`]),
  ]
  const counts = [
    `${received} ${received === 1 ? 'event' : 'events'} received`,
    `${delivered} ${delivered === 1 ? 'message' : 'messages'} delivered`,
    ...(givenUp === 0 ? [] : [`${givenUp} parked or dead`]),
  ]
  return [...wrong, where, counts.join(', ')].join('; ')
}

function firstOf([first = '', ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first}, and ${others.length} more in the log`
}
