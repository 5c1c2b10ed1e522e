/** Follow-ups that are configured correctly, but can never happen. */
import { ownProperty } from '../../core/json/json.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { type Path, type Problem, pathName, warning } from '../problem.ts'
import type { Config } from '../schema/schema.ts'

export function checkLifecycles(config: Config, document: YamlDocument): Problem[] {
  return Object.keys(config.receivers).flatMap((name) => [
    ...checkReceiver(config, document, ['receivers', name, 'slack']),
    ...withoutLifecycle(config, document, ['receivers', name, 'email', 'follow_up']),
  ])
}

function checkReceiver(config: Config, document: YamlDocument, path: Path): Problem[] {
  const [followUp, broadcast] = [
    [...path, 'follow_up'],
    [...path, 'broadcast'],
  ]
  const idle = [followUp, broadcast].flatMap((place) => withoutLifecycle(config, document, place))
  if (idle.length > 0) return idle
  const how = written(document, followUp) ?? 'post'
  if (written(document, broadcast) === undefined || how === 'reply' || how === 'update_and_reply') return []
  const message = `${pathName(broadcast)} has no effect: with follow_up: ${String(how)} there are no replies`
  const hint = 'remove it, or set follow_up to reply or update_and_reply'
  return [warning('doubtful_setting', document.file, document.keyAt(broadcast), message, hint)]
}

function withoutLifecycle({ lifecycles }: Config, document: YamlDocument, path: Path): Problem[] {
  if (lifecycles !== undefined || written(document, path) === undefined) return []
  const message = `${pathName(path)} has no effect: there are no lifecycles`
  const hint = 'add lifecycles: {analysis: {stages: [analysis.created, analysis.completed]}}, or remove it'
  return [warning('doubtful_setting', document.file, document.keyAt(path), message, hint)]
}

function written({ value }: YamlDocument, path: Path): unknown {
  return path.reduce<unknown>((found, key) => ownProperty(found, String(key)), value)
}
