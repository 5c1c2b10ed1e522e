/** A step of `enrich`: one GET of JSON for the events that it matches. Compiled once from the configuration. */
import type { View } from '../event.ts'
import type { Match } from '../match/match.ts'
import type { Secret } from '../secret.ts'
import { createEngine, eventFields, type Template, TemplateError } from '../template/template.ts'
import { compileUrlTemplate } from '../template/urls/url-template.ts'

/** As it is written in the configuration; times in milliseconds. */
export interface StepSettings {
  readonly name: string
  readonly match?: Match | undefined
  readonly get: string
  /** Values that may contain a secret are of the class Secret. */
  readonly headers: Readonly<Record<string, string | Secret>>
  /** JSON pointers by the names of fields; without it the whole answer is kept. */
  readonly pick?: Readonly<Record<string, string>> | undefined
  /** Fields without which the answer counts as not ready. */
  readonly require: readonly string[]
  /** Milliseconds since the event was received, after which it is planned without this step's fields. */
  readonly within: number
  /** The timeout of one request. */
  readonly timeout: number
  /** For how long an answer is reused for other events with the same request; undefined: it is not reused. */
  readonly cache?: number | undefined
  readonly allow_private: boolean
}

export interface Step extends StepSettings {
  /** The host of `get`, with its port if it is not the default. */
  readonly host: string
  readonly requestFor: (view: View) => StepRequest
}

export type StepRequest =
  | { readonly ok: true; readonly url: string; readonly headers: Readonly<Record<string, string>> }
  /** The event lacks a variable, or its value does not result in a URL. */
  | { readonly ok: false; readonly reason: string }

export interface StepProblem {
  /** Where it is, within the list of steps. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

export type CompiledSteps =
  | { readonly ok: true; readonly steps: readonly Step[] }
  | { readonly ok: false; readonly problems: readonly StepProblem[] }

// A value cannot start another header line.
const headerEngine = createEngine((text) =>
  text.toWellFormed().replaceAll(/[^\x20-\x7e]+/gu, (part) => encodeURIComponent(part)),
)

/** A step can use what earlier steps fetch; whether these exist is not checked here. */
export function compileSteps(settings: readonly StepSettings[]): CompiledSteps {
  const compiled = settings.map((one, index) => compileStep(one, index))
  const problems = compiled.flatMap((one) => (one.ok ? [] : one.problems))
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, steps: compiled.flatMap((one) => (one.ok ? [one.step] : [])) }
}

type CompiledStep =
  | { readonly ok: true; readonly step: Step }
  | { readonly ok: false; readonly problems: readonly StepProblem[] }

function compileStep(settings: StepSettings, index: number): CompiledStep {
  const problems: StepProblem[] = []
  const get = attempt([index, 'get'], () => compileUrlTemplate(settings.get, eventFields))
  const headers = Object.entries(settings.headers).map(
    ([name, value]) => [name, attempt([index, 'headers', name], () => compileHeader(value))] as const,
  )
  if (get === null || problems.length > 0) return { ok: false, problems }
  const host = new URL(/^https?:\/\/[^/?#]+/i.exec(settings.get)?.[0] ?? settings.get).host
  return { ok: true, step: { ...settings, host, requestFor } }

  function attempt<T>(path: StepProblem['path'], compile: () => T): T | null {
    try {
      return compile()
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      problems.push({ path, message: error.message })
      return null
    }
  }

  function requestFor(view: View): StepRequest {
    const rendered = headers.map(([name, header]) => [name, header?.render(view)] as const)
    const missing = [
      ...(get?.missing(view) ?? []),
      ...rendered.flatMap(([, header]) => header?.missing ?? []),
    ]
    if (missing.length > 0)
      return { ok: false, reason: `the event has no ${[...new Set(missing)].join(', ')}` }
    const url = get?.urlOf(view) ?? ''
    if (url === '')
      return { ok: false, reason: 'a value of the event is empty, or would change the path of the URL' }
    return {
      ok: true,
      url,
      headers: Object.fromEntries(rendered.map(([name, header]) => [name, header?.text ?? ''])),
    }
  }
}

function compileHeader(value: string | Secret): Template {
  const text = typeof value === 'string' ? value : value.reveal()
  // HTTP cannot send these characters; a secret from a file often ends with a line break.
  if (/[^\t\x20-\x7e]/.test(text)) {
    throw new TemplateError('contains a line break, or another character that a header cannot contain', 1, 1)
  }
  let template: Template
  try {
    template = headerEngine.compile(text, eventFields)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    // Its message may quote a secret.
    throw new TemplateError('is not a valid template', 1, 1)
  }
  const [unknown] = template.unknown
  if (unknown !== undefined) throw unknown
  return template
}
