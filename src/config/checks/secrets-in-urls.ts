/**
 * Variables that hold secrets, in URLs that others see: those of `enrich` are in the logs of every server on their way, and
 * links are in messages. They are judged by names alone, so that what passes with the values of a test passes in production.
 */
import type { Interpolated } from '../file/interpolate.ts'
import { isAt } from '../file/origin.ts'
import { variablePattern } from '../file/variable.ts'
import { error, type Problem, pathName, warning } from '../problem.ts'
import { isSecretParameter, parametersOf, secretParameter } from '../schema/enrich.ts'
import { type TextAt, textsIn } from './match/texts.ts'

const VARIABLE = new RegExp(variablePattern, 'g')
const SECRET_VARIABLE =
  /(?:^|_)(?:api_?key|(?<!(?:public|publishable)_)key|token|secret|password|passwd|pwd|signature|credentials?)(?:_?\d+)?$/i

/** Checked even where other parts of the configuration are wrong. */
export function checkSecretsInUrls({ document, origins }: Interpolated): Problem[] {
  return textsIn(document.value)
    .filter(({ path }) => path[0] === 'links' || (path[0] === 'enrich' && path[2] === 'get'))
    .filter(({ path }) => !origins.some((origin) => origin.broken && isAt(origin, path)))
    .flatMap((one) => checkUrl(one, document))
}

/**
 * An error in a parameter that is named like a secret, as with any value that is long enough for one. Elsewhere a warning: a
 * variable named like a secret may hold none, and some APIs take their key nowhere else.
 */
function checkUrl({ path, text }: TextAt, document: Interpolated['document']): Problem[] {
  const name = pathName(path)
  const isLink = path[0] === 'links'
  if (!isLink) {
    const parameter = parametersOf(text).find(
      ([key, value]) => isSecretParameter(key) && value.search(VARIABLE) >= 0,
    )?.[0]
    if (parameter !== undefined) {
      const { message, hint } = secretParameter(parameter)
      return [error('wrong_value', document.file, document.at(path), `${name} ${message}`, hint)]
    }
  }
  // A password before the host is reported as that.
  const rest = text.replace(/^[a-z]+:\/\/[^/?#]*@/i, '')
  const secrets = [...rest.matchAll(VARIABLE)].filter(([, variable = '']) => SECRET_VARIABLE.test(variable))
  return secrets.map(([written, variable]) => {
    const message = `${name} has a secret in it, judged by the name of ${written}, and ${isLink ? 'links are in messages' : 'URLs are logged everywhere'}`
    const move = isLink
      ? 'leave it out'
      : `send it in headers, such as authorization: "Bearer \${${variable}}"`
    const hint = `${move}; if it is no secret, give the variable another name`
    return warning('doubtful_setting', document.file, document.textAt(path, written), message, hint)
  })
}
