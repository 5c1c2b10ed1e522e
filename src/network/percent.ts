/** Decodes `%40` and its like; null where an encoding is broken. */
export function decodePercent(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
