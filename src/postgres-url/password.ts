/** Removes the password of a URL from what is shown. */
import { isPostgres, parseUrl } from './url.ts'

/** For messages. If the text is not a URL, everything that may be a password is left out. */
export function withoutPassword(url: string): string {
  const password = parseUrl(url).ok ? /^([^@/]*\/\/[^@/?#:]*):[^@/?#]*@/ : /^([^@/]*\/\/[^@/?#:]*):.*@/s
  return url.replace(password, '$1@')
}

/** The password of a URL, as it is written and decoded. */
export function passwordsOf(url: string): readonly string[] {
  const parsed = isPostgres(url) ? parseUrl(url) : null
  const password = parsed?.ok ? parsed.target.password : null
  const [, written] = /^postgres(?:ql)?:\/\/[^@/?#:]*:([^@/?#]*)@/.exec(url) ?? []
  return [...new Set([written, password])].flatMap((each) => each || [])
}
