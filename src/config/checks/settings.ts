import { channels } from '../../channels/channels.ts'
import { receiversOf } from '../compiled.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { error, type Path, type Problem, pathName, warning } from '../problem.ts'
import type { Config } from '../schema/schema.ts'
import { formatDuration } from '../schema/units.ts'

/** Missing settings of a channel that its receivers need: each is reported once, however many receivers need it. */
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

/** A timeout of a step of `enrich` that is longer than the step may take. The default timeout is allowed to be longer. */
export function checkTimeouts({ enrich }: Config, document: YamlDocument): Problem[] {
  return enrich.flatMap(({ timeout, within }, index) => {
    const path = ['enrich', index, 'timeout']
    if (timeout <= within || !document.has(path)) return []
    const message = `${pathName(path)} is longer than enrich[${index}].within, after which the message is sent without the response`
    const hint = `lower it to ${formatDuration(within)} or less, or raise within`
    return [warning('doubtful_setting', document.file, document.at(path), message, hint)]
  })
}

/** Settings that the channels consider probably wrong. */
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
