import { jsonSchema } from '../../config/schema/json-schema.ts'
import { configReference } from '../../config/schema/reference.ts'
import type { Define } from '../context.ts'
import { printJson } from '../terminal/terminal.ts'

export const defineSchema: Define = (command, { terminal }) => {
  command
    .option('--markdown', 'print the reference of the configuration, in Markdown')
    .action((options: { markdown?: boolean }) => {
      if (options.markdown === true) terminal.out.write(configReference(jsonSchema()))
      else printJson(terminal, jsonSchema())
    })
}
