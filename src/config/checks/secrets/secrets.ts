/** Secrets in plain text in the file, which ends up in backups and repositories, and secrets that are used twice. */
import type { Interpolated } from '../../file/interpolate.ts'
import { isAt } from '../../file/origin.ts'
import { variablePattern, withoutBraces } from '../../file/variable.ts'
import { type Path, type Problem, pathName, warning } from '../../problem.ts'
import { isSecretHeader } from '../../schema/enrich.ts'
import { expectedIn } from '../../schema/expected-in.ts'
import { schema } from '../../schema/schema.ts'
import { type TextAt, textsIn } from '../match/texts.ts'

/** Checked even if other parts of the configuration are wrong. */
export function checkSecrets(filled: Interpolated): Problem[] {
  const written = textsIn(filled.document.value)
  return [...written.flatMap((one) => checkWritten(one, filled)), ...repeated(filled)]
}

export function isSecret(path: Path): boolean {
  const [root, , key, name] = path
  if (root === 'enrich' && key === 'headers') return isSecretHeader(String(name))
  return expectedIn(schema, path).secret
}

/** Whether the file itself contains a secret. */
export function hasPlainSecret({ document }: Interpolated): boolean {
  return textsIn(document.value).some((one) => plainSecretIn(one) !== null)
}

function checkWritten(one: TextAt, { document, origins }: Interpolated): Problem[] {
  const { path, text } = one
  if (origins.some((origin) => origin.broken && isAt(origin, path))) return []
  const { file } = document
  const bare = bareVariables(one).map((name) => {
    const written = `$${name}`
    const message = `${written} is plain text, not a variable`
    return warning('wrong_variable', file, document.textAt(path, written), message, `write \${${name}}`)
  })
  const found = plainSecretIn(one)
  if (found === null) return bare
  const isDefault = plainSecretIn({ path, text: text.replace(VARIABLE, HOLE) }) === null
  const hint = isDefault
    ? 'remove the default value, and set the variable'
    : text.includes('${')
      ? 'put it into a variable as well'
      : 'write ${NAME} and set the variable, or {file: PATH}'
  return [
    ...bare,
    warning('plain_secret', file, document.at(path), `${pathName(path)} ${found.what} in plain text`, hint),
  ]
}

/** A text without the secret that is written in it. */
export function withoutSecret(one: TextAt): string {
  const { text } = one
  const found = plainSecretIn(one)
  if (found === null) return text
  return found.password === '' ? '***' : text.replace(`:${found.password}@`, ':***@')
}

// Stands for a variable; no text contains this character.
const HOLE = '\u0000'
const VARIABLE = new RegExp(variablePattern, 'g')

interface PlainSecret {
  readonly what: string
  /** Empty if the whole text is the secret. */
  readonly password: string
}

/** The secret as written in the file; null if it comes from a variable. */
function plainSecretIn(one: TextAt): PlainSecret | null {
  const written = bareVariables(one).reduce(
    (text, name) => text.replaceAll(`$${name}`, HOLE),
    one.text.replace(VARIABLE, (_, _name, preset?: string) => preset || HOLE),
  )
  const isLiteral = (secret: string) => secret !== '' && !secret.includes(HOLE)
  const password = passwordIn(written)
  if (isLiteral(password)) return { what: 'has a password', password }
  // The whole URL of a webhook is a secret; in that of a mail server, only the password is.
  const isUrl = /^(?!https?:)[a-z][a-z\d+.-]*:\/\//i.test(written)
  return isSecret(one.path) && !isUrl && isLiteral(written) ? { what: 'is a secret', password: '' } : null
}

/** The password of a URL, which may contain variables; empty if there is none. */
export function passwordIn(text: string): string {
  return /^[a-z][a-z\d+.-]*:\/\/[^/?#:]*:([^/?#]*)@/i.exec(text)?.[1] ?? ''
}

/** The names of variables without braces. In a secret, only those that stand alone: others may be part of a password. */
function bareVariables({ path, text }: TextAt): string[] {
  const isFree = path[0] === 'tests' || path.includes('match')
  if (isFree || !text.includes('$')) return []
  const secret = isSecret(path)
  return withoutBraces(text).filter(
    (name) => !secret || new RegExp(`(?:^|[/:@])\\$${name}(?:$|[/:@])`).test(text),
  )
}

interface SecretAt {
  readonly path: Path
  readonly value: string
}

/** Secrets of the service itself that are equal. Several receivers may share a webhook, and steps a key. */
function repeated({ value, document, origins }: Interpolated): Problem[] {
  const secrets = textsIn(value)
    .filter(({ path }) => path[0] !== 'receivers' && path[0] !== 'enrich' && isSecret(path))
    .filter(({ path }) => !origins.some((origin) => origin.broken && isAt(origin, path)))
    .map(({ path, text }): SecretAt => ({ path, value: text }))
  return secrets.flatMap(({ path, value: text }, index) => {
    const first = secrets.slice(0, index).find((other) => other.value === text)
    if (first === undefined) return []
    const message = `${pathName(path)} is the same secret as ${pathName(first.path)}`
    return [
      warning('repeated_secret', document.file, document.at(path), message, toSeparate(first.path, path)),
    ]
  })
}

function toSeparate(one: Path, other: Path): string {
  const [list, otherList] = [one, other].map((path) => pathName(path.slice(0, -1)))
  if (list === otherList) return 'remove one; during a rotation, list the old and the new secret'
  const areSources = one[0] === 'sources' && other[0] === 'sources'
  return areSources
    ? 'give each source the secret of its own endpoint; otherwise each accepts the requests of the other'
    : 'use a different secret: anyone who learns one of them knows both'
}
