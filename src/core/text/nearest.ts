import { distance } from 'fastest-levenshtein'

/** The known name that was probably meant; undefined if none is similar. `limit`: letters that may differ. */
export function nearest(
  name: string,
  names: readonly string[],
  limit = mostChanges(name),
): string | undefined {
  const wanted = name.toLowerCase()
  let best: string | undefined
  let least = limit + 1
  for (const candidate of names) {
    const far = distance(wanted, candidate.toLowerCase())
    if (far < least) [best, least] = [candidate, far]
  }
  return best
}

/** Two letters that changed places are two changes. */
function mostChanges({ length }: string): number {
  return length < 4 ? length - 2 : Math.max(2, Math.floor(length / 3))
}
