/** The files for a new user: the configuration, its schema for editors, and the templates. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { shippedTemplates } from '../config/package.ts'
import { jsonSchema } from '../config/schema/json-schema.ts'

export function starterFiles(folder: string) {
  return {
    config: join(folder, 'config.yaml'),
    schema: join(folder, 'config.schema.json'),
    templates: join(folder, 'templates'),
  }
}

export function schemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`
}

export function copyTemplates(folder: string): void {
  cpSync(shippedTemplates, folder, { recursive: true })
}
