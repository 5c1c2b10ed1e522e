/**
 * Variables with secrets in URLs that others can see: URLs of `enrich` are in the logs of every server on the way, and
 * links are in messages. Only names are judged, so that the result does not depend on the values of the variables.
 */
import type { Interpolated } from '../../file/interpolate.ts'
import { isAt } from '../../file/origin.ts'
import { variablePattern } from '../../file/variable.ts'
import { type Path, type Problem, pathName, warning } from '../../problem.ts'
import { isSecretParameter, parametersOf, secretParametersOf } from '../../schema/enrich.ts'
import { type TextAt, textsIn } from '../match/texts.ts'

const VARIABLE = new RegExp(variablePattern, 'g')
/** `key` alone may be the key of a project or a tenant. */
const SECRET_VARIABLE =
  /(?:^|_)(?:(?:api|access|secret|private|signing|auth)_?key|token|secret|password|passwd|pwd|signature|credentials?)(?:_?\d+)?$/i

/** Checked even if other parts of the configuration are wrong. */
export function checkSecretsInUrls({ document, value, origins }: Interpolated): Problem[] {
  const filled = textsIn(value)
  return textsIn(document.value)
    .filter(({ path }) => path[0] === 'links' || (path[0] === 'enrich' && path[2] === 'get'))
    .filter(({ path }) => !origins.some((origin) => origin.broken && isAt(origin, path)))
    .filter(({ path }) => !isReported(filled.find((one) => isSamePath(one.path, path))))
    .flatMap((one) => checkUrl(one, document))
}

/** A value that is long enough for a secret is already an error. */
function isReported(one: TextAt | undefined): boolean {
  return one?.path[0] === 'enrich' && secretParametersOf(one.text).length > 0
}

function isSamePath(one: Path, other: Path): boolean {
  return one.length === other.length && one.every((key, index) => key === other[index])
}

/** Only a warning: a variable or a parameter with such a name may not be a secret, and some APIs accept their key only in the URL. */
function checkUrl({ path, text }: TextAt, document: Interpolated['document']): Problem[] {
  const name = pathName(path)
  const isLink = path[0] === 'links'
  // A password before the host is reported separately.
  const rest = text.replace(/^[a-z]+:\/\/[^/?#]*@/i, '')
  const named = variablesIn(rest)
    .filter(({ variable }) => SECRET_VARIABLE.test(variable))
    .map((one) => ({ ...one, by: one.written }))
  const inParameters = parametersOf(rest)
    .filter(([parameter]) => isSecretParameter(parameter))
    .flatMap(([parameter, value]) => variablesIn(value).map((one) => ({ ...one, by: parameter })))
  const found = new Map([...inParameters, ...named].map((one) => [one.written, one]))
  return [...found.values()].map(({ written, variable, by }) => {
    const message = `${name} seems to contain a secret, by the name of ${by}: ${isLink ? 'links appear in messages' : 'URLs end up in logs'}`
    const move = isLink
      ? 'leave it out'
      : `send it in headers, such as authorization: "Bearer \${${variable}}"`
    const hint = by === written ? `${move}; if it is not a secret, rename the variable` : move
    return warning('doubtful_setting', document.file, document.textAt(path, written), message, hint)
  })
}

function variablesIn(text: string): readonly { readonly written: string; readonly variable: string }[] {
  return [...text.matchAll(VARIABLE)].map(([written, variable = '']) => ({ written, variable }))
}
