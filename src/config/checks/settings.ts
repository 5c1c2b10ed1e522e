import { channels } from '../../channels/channels.ts'
import { receiversOf } from '../compiled.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { error, type Path, type Problem, pathName, warning } from '../problem.ts'
import type { Config } from '../schema/schema.ts'

/** Settings of a channel that its receivers need and that are missing: each once, however many receivers need it. */
export function checkSettings(config: Config, document: YamlDocument): Problem[] {
  return channels.flatMap((channel) => {
    const missing = new Map<string, Problem>()
    for (const [name, receiver] of Object.entries(config.receivers)) {
      if (receiver[channel.name] === undefined) continue
      const message = channel.missingSettings?.(config.channels[channel.name], receiver[channel.name])
      if (message === null || message === undefined || missing.has(message)) continue
      const place = document.keyAt(['receivers', name, channel.name])
      missing.set(message, error('missing_settings', document.file, place, message))
    }
    return [...missing.values()]
  })
}

/** What the channels think is probably wrong. */
export function checkDoubts(config: Config, document: YamlDocument): Problem[] {
  return channels.flatMap(({ name, warnings }) =>
    (warnings?.(config.channels[name], receiversOf(config, name)) ?? []).map(
      ({ code, receiver, path, message, hint }) => {
        const holder: Path = receiver === undefined ? ['channels', name] : ['receivers', receiver, name]
        const place = [...holder, ...path]
        return warning(code, document.file, document.at(place), `${pathName(place)}: ${message}`, hint)
      },
    ),
  )
}
