/** Ids as lists show them on a narrow terminal: a prefix that every command accepts instead of the whole id. */
import type { Store } from '../../store/store.ts'

const LEAST = 16
const LEAST_OF_SUBJECT = 13
// If a subject has more events than this, it is unknown whether another subject has the same prefix.
const MOST_FOUND = 20

/** The shortest prefix of each id, of at least 16 characters, that no other id in the store has. */
export function shortIds(
  store: Pick<Store, 'find'>,
  ids: readonly string[],
): Promise<(id: string) => string> {
  return shortened(ids, LEAST, async (beginning) => (await store.find(beginning, 2)).length < 2)
}

/** The same for subjects, which events share. */
export function shortSubjects(
  store: Pick<Store, 'find'>,
  subjects: readonly (string | null)[],
): Promise<(subject: string | null) => string> {
  const there = subjects.filter((subject) => subject !== null)
  const isOfOne = async (beginning: string, subject: string) => {
    const found = await store.find(beginning, MOST_FOUND)
    return found.length < MOST_FOUND && found.every(({ by, text }) => by === 'subject' && text === subject)
  }
  return shortened(there, LEAST_OF_SUBJECT, isOfOne).then((short) => (subject) => short(subject ?? ''))
}

async function shortened(
  ids: readonly string[],
  least: number,
  isUnique: (beginning: string, id: string) => Promise<boolean>,
): Promise<(id: string) => string> {
  const short = new Map<string, string>()
  for (const id of new Set(ids)) {
    let length = least
    while (length < id.length && !(await isUnique(id.slice(0, length), id))) length += 1
    short.set(id, id.slice(0, length))
  }
  return (id) => short.get(id) ?? id
}
