/** Signing secrets that can be guessed. Only for `check`: `doctor` and `serve` report them as findings. */
import {
  LONGER_SECRET,
  SHORT_SECRET,
  SHORTEST_SECRET_BYTES,
  sizeOfSecret,
} from '../../../core/receiving/signing-secret.ts'
import type { CompiledConfig } from '../../compiled.ts'
import { type Problem, pathName, warning } from '../../problem.ts'

export function checkShortSecrets({ config, document }: CompiledConfig): readonly Problem[] {
  return Object.entries(config.sources).flatMap(([name, { svix }]) =>
    svix.secrets.flatMap((secret, index) => {
      if (sizeOfSecret(secret) >= SHORTEST_SECRET_BYTES) return []
      const path = ['sources', name, 'svix', 'secrets', index]
      const message = `${pathName(path)} has fewer than ${SHORTEST_SECRET_BYTES} bytes. ${SHORT_SECRET.replace(/\.$/, '')}`
      return [warning('doubtful_setting', document.file, document.at(path), message, LONGER_SECRET)]
    }),
  )
}
