/** The checks that `serve` runs at its start, which do not load the modules of the other checks of `doctor`. */
import type { CompiledConfig } from '../../config/compiled.ts'
import { type Finding, wrong } from '../../core/finding.ts'
import { redact } from '../../core/secret.ts'
import { checkProxies } from '../../network/doctor.ts'
import { checkSecrets } from '../../sources/doctor.ts'
import { checkFolder } from '../../store/doctor.ts'
import type { Env } from '../../telemetry/settings.ts'

export interface Check {
  readonly group: string
  readonly run: () => Promise<readonly Finding[]>
}

/** The checks that use no network and take almost no time. */
export function cheapChecks(compiled: CompiledConfig, env: Env): readonly Check[] {
  return [
    { group: 'proxy', run: async () => checkProxies(env) },
    { group: 'sources', run: async () => secretFindings(compiled) },
    { group: 'store', run: () => checkFolder(compiled.config.store.url) },
  ]
}

/** Never throws: a check that fails, or does not end within `limitMs`, is a finding. */
export async function runCheck(
  { group, run }: Check,
  { secrets }: Pick<CompiledConfig, 'secrets'>,
  limitMs: number,
): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<readonly Finding[]>((resolve) => {
    const summary = `the check did not end within ${limitMs / 1000} s`
    timer = setTimeout(
      () =>
        resolve([
          wrong(
            'check_timeout',
            summary,
            '',
            'run doctor again; if this persists, look for a disk or a network that hangs',
          ),
        ]),
      limitMs,
    )
  })
  try {
    return await Promise.race([run(), late])
  } catch (error) {
    const words = redact(error instanceof Error ? error.message : String(error), secrets)
    return [
      wrong(
        'check_failed',
        `the check of ${group} failed: ${words}`,
        '',
        'fix what the error names; if it names nothing that you can fix, please report it as a bug in Hookbridge',
      ),
    ]
  } finally {
    clearTimeout(timer)
  }
}

export function secretFindings({ config }: CompiledConfig): Finding[] {
  return Object.entries(config.sources).map(([name, { svix }]) => checkSecrets(name, svix.secrets))
}
