/** Turns what Zod found into problems with a place and a hint. */
import type * as z from 'zod'
import type { Position } from '../../channels/channel.ts'
import type { JsonObject } from '../../core/json/json.ts'
import { redact, Secret } from '../../core/secret.ts'
import { nearest } from '../../core/text/nearest.ts'
import type { Interpolated } from '../file/interpolate.ts'
import { conceal, concerns } from '../file/origin.ts'
import type { Path, Problem } from '../problem.ts'
import { expectedAt } from '../schema/expected.ts'
import { type Description, describeIssue, describeKey, describeMissing } from './descriptions.ts'

type Issue = z.core.$ZodIssue

export interface IssueContext extends Pick<Interpolated, 'document' | 'origins'> {
  /** The JSON schema of the whole value. */
  readonly root: JsonObject
}

/** One problem for each mistake, and none for consequences of a mistake that is already reported. */
export function toProblems(issues: readonly Issue[], context: IssueContext): Problem[] {
  const flat = issues.flatMap((issue) => flatten(issue, []))
  const misspelt = misspeltKeys(flat, context.root)
  return flat
    .filter((issue) => !isConsequence(issue, misspelt, context))
    .flatMap((issue) => toProblem(issue, context))
}

/** Zod's paths may contain symbols; those of a YAML file do not. */
function pathOf({ path }: Pick<Issue, 'path'>): Path {
  return path.map((part) => (typeof part === 'symbol' ? String(part) : part))
}

/** For a union, the issues of the alternative whose shape fits, because they say more. */
function flatten(issue: Issue, prefix: readonly PropertyKey[]): Issue[] {
  const path = [...prefix, ...issue.path]
  if (issue.code !== 'invalid_union') return [{ ...issue, path }]
  const deeper = issue.errors.find((inner) => inner.length > 0 && inner.every((one) => one.path.length > 0))
  return deeper === undefined ? [{ ...issue, path }] : deeper.flatMap((inner) => flatten(inner, path))
}

function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String))
}

/** The mappings with an unknown key, and the missing keys for which an unknown one is probably a misspelling. */
function misspeltKeys(issues: readonly Issue[], root: JsonObject): ReadonlySet<string> {
  const misspelt = new Set<string>()
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue
    misspelt.add(pathKey(issue.path))
    const { keys } = expectedAt(root, pathOf(issue))
    for (const key of issue.keys) misspelt.add(pathKey([...issue.path, nearest(key, keys) ?? key]))
  }
  return misspelt
}

/** Whether it follows from an unset variable, an unreadable file or a misspelt key, which is reported itself. */
function isConsequence(
  issue: Issue,
  misspelt: ReadonlySet<string>,
  { document, origins }: IssueContext,
): boolean {
  if (issue.code === 'unrecognized_keys') return false
  const path = pathOf(issue)
  const isIncomplete =
    path.length === 0 || !document.has(path) || issue.code === 'custom' || issue.code === 'too_small'
  if (isIncomplete && misspelt.has(pathKey(path))) return true
  return origins.some((origin) => origin.broken && concerns(origin, path))
}

function toProblem(issue: Issue, { document, origins, root }: IssueContext): Problem[] {
  const path = pathOf(issue)
  const expected = expectedAt(root, path)
  const written = document.scalar(path)
  const secrets = expected.secret && written !== null ? [new Secret(written.text)] : []
  const problem = (description: Description, { line, column }: Position): Problem => {
    const message = conceal(redact(description.message, secrets), path, origins)
    return { severity: 'error', file: document.file, line, column, ...description, message }
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => problem(describeKey(key, expected), document.keyAt([...path, key])))
  }
  // The mistake may be the key, or the value that follows it.
  const isKey =
    issue.code === 'invalid_key' || (issue.code === 'custom' && issue.params?.code === 'wrong_match')
  const at = isKey ? document.keyAt(path) : document.at(path)
  const isMissing = issue.code === 'invalid_type' && path.length > 0 && !document.has(path)
  return [
    problem(
      isMissing
        ? describeMissing(path, expected)
        : describeIssue({ issue, path, expected, document, origins }),
      at,
    ),
  ]
}
