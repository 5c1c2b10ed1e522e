/** Loaded into a service that is measured: at SIGWINCH it frees what is not in use, and writes how many bytes of the heap are left. */
import { renameSync, writeFileSync } from 'node:fs'

const path = process.env.BENCH_HEAP
if (path === undefined || globalThis.gc === undefined) throw new Error('run with BENCH_HEAP and --expose-gc')
process.on('SIGWINCH', () => {
  globalThis.gc?.()
  writeFileSync(`${path}.part`, String(process.memoryUsage().heapUsed))
  renameSync(`${path}.part`, path)
})
