/** Addresses and secrets that were left over from examples. The mail channel checks its own. */
import { resolve } from 'node:path'
import { isReservedName } from '../../channels/settings.ts'
import type { Interpolated } from '../file/interpolate.ts'
import { demoConfig, exampleConfig } from '../package.ts'
import { type Problem, pathName, warning } from '../problem.ts'
import { textsIn } from './match/texts.ts'
import { isSecret } from './secrets/secrets.ts'

// From the documentation of Svix and of Standard Webhooks: every reader can sign with them.
const PUBLISHED = [
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  'whsec_plJ3nmyCDGBKInavdOK15jsl',
]

export function checkExamples({ document, value }: Interpolated): Problem[] {
  return textsIn(value).flatMap(({ path, text }) => {
    const warn = (message: string, hint: string) => [
      warning('example_value', document.file, document.at(path), `${pathName(path)}: ${message}`, hint),
    ]
    if (isSecret(path)) {
      const message = 'this secret is a published example: anyone can sign requests with it'
      return PUBLISHED.includes(text) ? warn(message, "copy your own from the endpoint's page") : []
    }
    const isPublic =
      path[0] === 'links' ||
      (path[0] === 'enrich' && path[2] === 'get') ||
      (path[0] === 'server' && path[1] === 'public_url')
    const host = isPublic ? (/^https?:\/\/(?:[^/?#]*@)?([^/?#:]+)/i.exec(text)?.[1] ?? '') : ''
    // The example configurations themselves contain such addresses.
    const isExample = [exampleConfig, demoConfig].includes(resolve(document.file))
    if (!isReservedName(host) || isExample) return []
    return warn(`${host} is reserved for examples`, 'put your own address here')
  })
}
