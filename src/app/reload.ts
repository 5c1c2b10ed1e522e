/** Reloads of the configuration: one at a time, each completely or not at all. */
import type { Logger } from 'pino'
import { changedKeys, untilRestart } from '../config/changes.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Fingerprints } from '../config/file/fingerprint.ts'
import type { Loaded } from '../config/load.ts'
import { formatProblem, type Problem } from '../config/problem.ts'
import { errors } from '../core/errors.ts'
import type { ReloadAnswer } from '../http/admin.ts'
import type { Observe } from '../pipeline/fact.ts'
import type { Supervisor } from './health/supervisor.ts'

export type Trigger = 'signal' | 'http' | 'watch' | 'program'

export interface ReloadDeps {
  /** What the service was started with. */
  readonly started: CompiledConfig
  readonly load: () => Loaded
  /** Runs the tests of a configuration that is otherwise valid. */
  readonly test: (compiled: CompiledConfig) => Promise<readonly Problem[]>
  /** Puts a checked configuration into effect. If it throws, nothing has changed. */
  readonly apply: (compiled: CompiledConfig) => void
  readonly isStopping: () => boolean
  readonly supervisor?: Supervisor | undefined
  readonly now: () => number
  readonly observe: Observe
  readonly log: Logger
}

export interface Reloads {
  /** Loads what is on disk after the call; never rejects. Calls during a reload share the next one. */
  readonly request: (trigger: Trigger) => Promise<ReloadAnswer>
  /** How the last one ended, for /readyz; null before the first. */
  readonly last: () => Readonly<Record<string, unknown>> | null
  /** The files that were read last, whether the configuration was valid or not. */
  readonly files: () => Fingerprints
}

export function createReloads(deps: ReloadDeps): Reloads {
  const { log, observe } = deps
  let running = deps.started
  let files = deps.started.files
  let last: Readonly<Record<string, unknown>> | null = null
  let current: Promise<unknown> = Promise.resolve()
  let next: { readonly triggers: Set<Trigger>; readonly ended: Promise<ReloadAnswer> } | undefined

  return {
    last: () => last,
    files: () => files,
    request(trigger) {
      if (next === undefined) {
        const triggers = new Set<Trigger>()
        next = { triggers, ended: current.then(() => run(triggers)) }
        current = next.ended
      }
      next.triggers.add(trigger)
      return next.ended
    },
  }

  async function run(triggers: ReadonlySet<Trigger>): Promise<ReloadAnswer> {
    // Loading blocks the event loop for tens of milliseconds: other work runs between two reloads.
    await new Promise((resolve) => setImmediate(resolve))
    next = undefined
    if (deps.isStopping()) return { ok: false, code: 'stopping', problems: [] }
    deps.supervisor?.reloading()
    const answer = await reload()
    deps.supervisor?.reloaded(answer)
    const { ok } = answer
    last = {
      ok,
      at: new Date(deps.now()).toISOString(),
      ...(answer.ok ? { warnings: answer.warnings } : { problems: answer.problems }),
    }
    for (const warning of answer.ok ? answer.warnings : []) log.warn(warning)
    for (const problem of answer.ok ? [] : answer.problems) log.error(problem)
    const changed = answer.ok ? answer.changed : []
    observe({
      kind: 'reloaded',
      ok,
      trigger: [...triggers].join(),
      changed,
      fingerprint: running.fingerprint,
      reason: answer.ok ? '' : errors[answer.code],
    })
    return answer
  }

  /** The answer lists the mistakes; warnings are only logged. */
  function refused(problems: readonly Problem[]): ReloadAnswer {
    const isError = ({ severity }: Problem) => severity === 'error'
    for (const problem of problems) if (!isError(problem)) log.warn(formatProblem(problem))
    return { ok: false, code: 'reload_failed', problems: problems.filter(isError).map(formatProblem) }
  }

  async function reload(): Promise<ReloadAnswer> {
    try {
      const loaded = deps.load()
      if (!loaded.ok) {
        files = loaded.files
        return refused(loaded.problems)
      }
      const { compiled } = loaded
      files = compiled.files
      const tested = await deps.test(compiled)
      if (tested.some(({ severity }) => severity === 'error')) {
        return refused([...loaded.warnings, ...tested])
      }
      // The service may have been stopped while the tests ran.
      if (deps.isStopping()) return { ok: false, code: 'stopping', problems: [] }
      const changed = changedKeys(running, compiled)
      const waiting = untilRestart(deps.started.config, compiled.config)
      const warnings = [...waiting.values(), ...[...loaded.warnings, ...tested].map(formatProblem)]
      deps.apply(compiled)
      running = compiled
      return { ok: true, changed, pending: [...waiting.keys()], warnings }
    } catch (error) {
      log.error({ err: error }, 'unexpected error while reloading')
      return {
        ok: false,
        code: 'internal',
        problems: ["an unexpected error; the service's log has the details"],
      }
    }
  }
}
