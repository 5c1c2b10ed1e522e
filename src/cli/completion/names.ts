/** Names that only the configuration, or the package, has. */
import { channels } from '../../channels/channels.ts'
import { cuuroTypes } from '../../config/checks/match/known-events.ts'
import { readDocument } from '../../config/file/document.ts'
import { isObject, ownProperty } from '../../core/json/json.ts'
import type { NameKind } from './candidates.ts'

export function namesOf(kind: NameKind, configFile: string): readonly string[] {
  switch (kind) {
    case 'receiver':
      return keysOf('receivers', configFile)
    case 'source':
      return keysOf('sources', configFile)
    case 'channel':
      return channels.map(({ name }) => name)
    case 'type':
      return cuuroTypes
  }
}

/** Mistakes in the file do not matter here: what can be read is offered. */
function keysOf(key: string, configFile: string): readonly string[] {
  const read = readDocument(configFile)
  const found = read.ok ? ownProperty(read.document.value, key) : undefined
  return isObject(found) ? Object.keys(found) : []
}
