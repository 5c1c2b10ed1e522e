/** Decodes percent-encoding such as `%40`; null if it is invalid. */
export function decodePercent(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
