import { Ajv2020 } from 'ajv/dist/2020.js'

/** A JSON Schema validator that is not ours. Strict: a word it does not know is a mistake in the schema. */
export const ajv = new Ajv2020({
  // Annotations, to editors too.
  formats: { 'date-time': true },
  // What yaml-language-server and VS Code say instead of the pattern.
  keywords: ['patternErrorMessage'],
  strict: true,
  allowUnionTypes: true,
  strictRequired: false,
})
