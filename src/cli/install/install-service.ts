import type { Register } from '../context.ts'
import type { InstallFlags } from './installation.ts'

export const registerInstallService: Register = (hookbridge, { terminal }) => {
  hookbridge
    .command('install-service')
    .description('set hookbridge up as a service of systemd, or bring the service up to date')
    .option('--uninstall', 'stop and remove it; the configuration and the events stay')
    .option('--dry-run', 'only print what would be done; needs no root')
    .action(async (flags: InstallFlags) => {
      const { installService } = await import('./installation.ts')
      const { thisMachine } = await import('../../install/machine.ts')
      installService(terminal, flags, thisMachine())
    })
}
