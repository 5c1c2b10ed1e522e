import type { Define } from '../context.ts'
import type { InstallFlags } from './installation.ts'

export const defineInstallService: Define = (command, { terminal }) => {
  command
    .option('--uninstall', 'stop and remove the service; keep the configuration and the events')
    .option('--dry-run', 'print what would be done, and do nothing; needs no root')
    .action(async (flags: InstallFlags) => {
      const { installService } = await import('./installation.ts')
      const { thisMachine } = await import('../../install/machine.ts')
      installService(terminal, flags, thisMachine())
    })
}
