/** Steps and fields of `enrich` that matches, templates and tests refer to, but that nothing fetches. */
import type { Position, TemplateFile } from '../../../channels/channel.ts'
import type { Step } from '../../../core/enrichment/step.ts'
import { isObject } from '../../../core/json/json.ts'
import { Secret } from '../../../core/secret.ts'
import type { YamlDocument } from '../../file/yaml-document.ts'
import { error, meant, type Path, type Problem } from '../../problem.ts'
import type { Config } from '../../schema/schema.ts'
import { type Condition, conditionsOf, conditionsOfStep } from './conditions.ts'
import { readByTemplates, variablesIn } from './enriched-variables.ts'

/** `templates`: the files of the operator's own templates. */
export function checkEnriched(
  config: Config,
  templates: readonly TemplateFile[],
  document: Pick<YamlDocument, 'file' | 'at' | 'keyAt' | 'textAt'>,
): Problem[] {
  const { enrich } = config
  const all: Known = { steps: enrich, what: 'step' }
  const before = (index: number): Known => ({ steps: enrich.slice(0, index), what: 'earlier step' })
  const report = (place: Position, names: readonly string[], known: Known, file = document.file) => {
    const unknown = unknownIn(names, known)
    return unknown === null ? [] : [error('unknown_field', file, place, unknown.message, unknown.hint)]
  }
  const inCondition = ({ field, path }: Condition, known: Known) => {
    const [root, ...names] = field.path.split('.')
    return root === 'enriched' ? report(document.keyAt(path), names, known) : []
  }
  const inText = (text: string, path: Path, known: Known) =>
    variablesIn(text).flatMap(({ written, names }) => report(document.textAt(path, written), names, known))
  return [
    ...conditionsOf(config).flatMap((condition) => inCondition(condition, all)),
    ...enrich.flatMap((step, index) => [
      ...conditionsOfStep(config, index).flatMap((condition) => inCondition(condition, before(index))),
      ...inText(step.get, ['enrich', index, 'get'], before(index)),
      ...Object.entries(step.headers).flatMap(([name, value]) => {
        const text = value instanceof Secret ? value.reveal() : value
        return inText(text, ['enrich', index, 'headers', name], before(index))
      }),
    ]),
    ...Object.entries(config.links?.byType ?? {}).flatMap(([key, text]) => inText(text, ['links', key], all)),
    ...(config.tests ?? []).flatMap(({ enriched = {} }, index) =>
      namesOf(enriched).flatMap((names) =>
        report(document.keyAt(['tests', index, 'enriched', ...names]), names, all),
      ),
    ),
    ...readByTemplates(templates).flatMap(({ file: { path, text }, names, at }) =>
      report(positionIn(text, at), names, all, path),
    ),
  ]
}

/** The steps whose fields are available at a place. */
export interface Known {
  readonly steps: readonly Step[]
  readonly what: 'step' | 'earlier step'
}

export interface Unknown {
  readonly message: string
  readonly hint: string
}

// Properties that LiquidJS gives to every value.
const OF_ANY = ['size', 'first', 'last']

/** What is wrong with `enriched.STEP.FIELD`, given as its names; null if nothing is. */
export function unknownIn([name, field]: readonly string[], { steps, what }: Known): Unknown | null {
  if (name === undefined || OF_ANY.includes(name)) return null
  const step = steps.find((one) => one.name === name)
  if (step === undefined) {
    const names = steps.map((one) => one.name)
    const how =
      what === 'step'
        ? 'docs/enrichment.md shows how to fetch it'
        : 'a step can use only the results of steps before it'
    const hint = names.length === 0 ? how : meant(name, names)
    return { message: `enriched.${name}: no ${what} of enrich has this name`, hint }
  }
  const { pick } = step
  if (pick === undefined || field === undefined || Object.hasOwn(pick, field) || OF_ANY.includes(field))
    return null
  const message = `enriched.${name}.${field}: the step ${name} picks no field of this name`
  return { message, hint: meant(field, Object.keys(pick)) }
}

/** `[step]`, or `[step, field]` for each field if the value is a mapping. */
function namesOf(enriched: object): string[][] {
  return Object.entries(enriched).flatMap(([step, fields]) =>
    isObject(fields) ? Object.keys(fields).map((field) => [step, field]) : [[step]],
  )
}

function positionIn(text: string, at: number): Position {
  const lines = text.slice(0, at).split('\n')
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}
