import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { type BuildOptions, type BuildResult, build } from 'esbuild'
import { directImports } from './direct-imports.ts'

/**
 * Builds what a release runs, into `dist/`: `soma` and `soma.mjs` (the command), `axon` and `axon.mjs` (the same in Axon's words),
 * `somad.mjs` (the daemon), `engines/<id>.mjs`.
 * Bundled, because a program of one file starts in a tenth of the time of one of 300.
 */

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
/** Built beside, and exchanged at the end: a daemon that runs from `dist/` starts engines from there at any time. */
const fresh = join(root, '.soma', 'dist-new')
const old = join(root, '.soma', 'dist-old')

/**
 * Packages with native code or WebAssembly find their own files beside them. The decoders of sound are partly under the LGPL: they stay files of
 * their own, so that they can be replaced.
 */
const native = [
  '@tensorflow/*',
  '@wasm-audio-decoders/*',
  'mpg123-decoder',
  'node-llama-cpp',
  'onnxruntime-node',
  'opus-decoder',
  'sharp',
  'sherpa-onnx-node',
]

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  outdir: dist,
  write: false,
  outExtension: { '.js': '.mjs' },
  external: native,
  minify: true,
  // Names of classes and functions are in error messages and stack traces.
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  plugins: [directImports],
  logLevel: 'warning',
} as const satisfies BuildOptions

/** CommonJS packages inside an ES module ask for Node's own modules with `require`. */
const withRequire = {
  js: "import { createRequire as createRequire_ } from 'node:module'; const require = createRequire_(import.meta.url);",
}

/** What goes on PATH: the command with the Node that npm brought, because the machine's own may be too old. */
const launcher = (name: string): string => `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
for node in "$here"/../node_modules/node-*/bin/node; do
  [ -x "$node" ] && exec "$node" "$here/${name}.mjs" "$@"
done
exec node "$here/${name}.mjs" "$@"
`

for (const folder of [fresh, old]) await rm(folder, { recursive: true, force: true })
const ids = (await readdir(join(root, 'packages/engines'))).filter((id) => existsSync(engineMain(id)))
const results = [
  // Split, so that a command loads only what it uses.
  await build({
    ...common,
    entryPoints: { soma: join(root, 'packages/cli/src/main.ts'), axon: join(root, 'packages/cli/src/axon/main.ts') },
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    banner: withRequire,
  }),
  // Split, too: what a source needs is loaded by its first install, not by every start.
  await build({
    ...common,
    entryPoints: { somad: join(root, 'packages/daemon/src/main.ts') },
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    banner: withRequire,
  }),
  await build({ ...common, entryPoints: Object.fromEntries(ids.map((id) => [`engines/${id}`, engineMain(id)])), banner: withRequire }),
]
for (const { path, contents } of results.flatMap(({ outputFiles }) => outputFiles)) {
  const target = join(fresh, relative(dist, path))
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, contents)
}
await copyPython()
for (const name of ['soma', 'axon']) await writeFile(join(fresh, name), launcher(name), { mode: 0o755 })
if (existsSync(dist)) await rename(dist, old)
await rename(fresh, dist)
await rm(old, { recursive: true, force: true })
report(results)

function engineMain(id: string): string {
  return join(root, 'packages/engines', id, 'src/main.ts')
}

/** What the python engine runs is no JavaScript: it goes beside it as it is, without its tests. */
async function copyPython(): Promise<void> {
  const engine = join(root, 'packages/engines/python/python')
  const parts = { 'engine/main.py': 'main.py', 'engine/soma_python': 'soma_python', 'sdk/soma': join(root, 'sdks/python/soma') }
  for (const [to, from] of Object.entries(parts))
    await cp(resolve(engine, from), join(fresh, 'engines/python', to), { recursive: true, filter: (path) => !path.includes('__pycache__') })
}

/** Sizes of the programs; the chunks of the command as one. */
function report(built: ReadonlyArray<BuildResult<{ metafile: true }>>): void {
  const files = built.flatMap(({ metafile }) => Object.entries(metafile.outputs)).filter(([path]) => path.endsWith('.mjs'))
  const sizes = Map.groupBy(files, ([path]) => (path.includes('/chunks/') ? 'dist/chunks/*.mjs' : path))
  for (const [path, group] of sizes) {
    const bytes = group.reduce((sum, [, output]) => sum + output.bytes, 0)
    console.log(`${path.padEnd(26)} ${(bytes / 1000).toFixed(1).padStart(9)} kB${group.length > 1 ? `  (${group.length} files)` : ''}`)
  }
}
