/**
 * `npm run bundle`: makes dist/, which is what an installed package runs. The program and the packages that it stands on,
 * in a few files, since a start that reads hundreds of them is much slower; the declarations of what programs import;
 * what is in there, and its licences. See docs/decisions/0008.
 */
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { licences } from './licences.ts'
import { sbom } from './sbom.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

// Packages that are reached, and never asked for anything: no route has a schema, and only tests inject requests.
const NEVER_LOADED = ['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler', 'light-my-request']

rmSync(dist, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts', 'src/index.ts', 'src/signing.ts'],
  outdir: dist,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: NEVER_LOADED,
  // Names stay, for stack traces. White space would be much of it, and Node keeps sources in memory.
  minifyWhitespace: true,
  legalComments: 'none',
  // Packages that are CommonJS ask for Node's own modules with require.
  banner: {
    js: "import{createRequire as nodeRequire}from'node:module';const require=nodeRequire(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
})
const bundled = Object.keys(metafile.inputs)
writeFileSync(join(dist, 'LICENSES.txt'), licences(root, bundled))
writeFileSync(join(dist, 'sbom.cdx.json'), sbom(root, bundled))
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
