// The shape of the repository: who imports whom, how large files are, what every engine, source and face must have.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import test from 'node:test'
import { parseSync } from 'oxc-parser'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Low to high. A package imports only packages of lower layers. */
const layers: ReadonlyArray<readonly RegExp[]> = [
  [/^core$/],
  [/^spec$/],
  [/^wire$/, /^audio$/, /^formats$/],
  [/^store$/, /^host$/, /^engine-/, /^source-/],
  [/^kernel$/, /^models$/, /^sdk$/],
  [/^api-/],
  [/^daemon$/, /^cli$/],
]
/** Packages that reach the daemon through the sdk only, whatever their layer would allow. */
const onlyThese: Readonly<Record<string, readonly string[]>> = {
  cli: ['core', 'spec', 'host', 'sdk'],
  sdk: ['core', 'spec', 'wire'],
}

interface Package {
  readonly folder: string
  readonly name: string
  readonly dependencies: readonly string[]
  readonly devDependencies: readonly string[]
  readonly references: readonly string[]
}

const packages: readonly Package[] = globSync('packages/{*,*/*}/package.json', { cwd: root, exclude: ['**/node_modules/**'] }).map(
  (path) => {
    const folder = dirname(path)
    const {
      name,
      dependencies = {},
      devDependencies = {},
    } = JSON.parse(read(path)) as { name: string; dependencies?: object; devDependencies?: object }
    const { references = [] } = JSON.parse(read(join(folder, 'tsconfig.json'))) as { references?: Array<{ path: string }> }
    return {
      folder,
      name: name.replace('@soma/', ''),
      dependencies: Object.keys(dependencies),
      devDependencies: Object.keys(devDependencies),
      references: references.map(({ path: to }) => normalize(join(folder, to))),
    }
  },
)

function sources(folder: string, what = '**/*.ts'): string[] {
  return globSync(`${folder}/src/${what}`, { cwd: root, exclude: ['**/node_modules/**'] })
}
const isTest = (path: string): boolean => /\.test\.ts$|\/test-|\/fixtures?\//.test(path)
const rankOf = (name: string): number => layers.findIndex((layer) => layer.some((pattern) => pattern.test(name)))

function importsOf(path: string): string[] {
  const { module } = parseSync(path, read(path))
  // Of a computed import nobody can say here what it names.
  const dynamic = module.dynamicImports
    .map(({ moduleRequest }) => read(path).slice(moduleRequest.start, moduleRequest.end))
    .filter((request) => /^['"]/.test(request))
    .map((request) => request.slice(1, -1))
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest }) => (moduleRequest ? [moduleRequest.value] : [])),
  )
  return [...module.staticImports.map(({ moduleRequest }) => moduleRequest.value), ...exported, ...dynamic]
}

test('packages exist, and the checks below look at real files', () => {
  assert.ok(packages.length >= 18, `${packages.length} packages`)
  assert.ok(packages.flatMap(({ folder }) => sources(folder)).length >= 150)
  assert.ok(importsOf('packages/kernel/src/kernel.ts').includes('@soma/store'))
})

test('imports point down the layers, cross packages by name, and are declared', () => {
  const errors: string[] = []
  for (const { folder, name, dependencies, devDependencies } of packages) {
    if (name !== 'testkit' && rankOf(name) < 0) errors.push(`${folder}: ${name} is in no layer`)
    for (const path of sources(folder)) {
      for (const to of importsOf(path)) {
        if (to.startsWith('.')) {
          const target = normalize(join(dirname(path), to))
          if (!target.startsWith(`${folder}/`)) errors.push(`${path}: ${to} leaves its package`)
          continue
        }
        if (isBuiltin(to)) {
          if (!to.startsWith('node:')) errors.push(`${path}: ${to} needs the node: prefix`)
          continue
        }
        const external = to
          .split('/')
          .slice(0, to.startsWith('@') ? 2 : 1)
          .join('/')
        const test = isTest(path) || name === 'testkit'
        if (
          !dependencies.includes(external) &&
          !(test && [...devDependencies, 'fast-check', '@soma/testkit'].includes(external)) &&
          !(test && external.startsWith('@soma/'))
        ) {
          errors.push(`${path}: ${external} is not in its package.json`)
        }
        if (!external.startsWith('@soma/') || test) continue
        const lower = external.replace('@soma/', '')
        if (lower === 'testkit') errors.push(`${path}: only tests import the testkit`)
        else if (rankOf(lower) >= rankOf(name)) errors.push(`${path}: ${name} may not import ${lower}`)
        if (onlyThese[name] && !onlyThese[name].includes(lower))
          errors.push(`${path}: ${name} may only import ${onlyThese[name].join(', ')}`)
      }
    }
  }
  assert.deepEqual(errors, [])
})

test('a package’s TypeScript references are its @soma dependencies', () => {
  const folderOf = new Map(packages.map(({ name, folder }) => [`@soma/${name}`, folder]))
  for (const { folder, dependencies, references } of packages) {
    const expected = dependencies.flatMap((name) => folderOf.get(name) ?? []).sort()
    assert.deepEqual([...references].sort(), expected, `${folder}/tsconfig.json`)
  }
})

test('core, spec and the browser half of the sdk run without Node', () => {
  const browser = ['core', 'spec'].flatMap((name) => sources(`packages/${name}`)).filter((path) => !isTest(path))
  const errors = browser.flatMap((path) =>
    importsOf(path)
      .filter((to) => isBuiltin(to))
      .map((to) => `${path}: ${to}`),
  )
  assert.deepEqual(errors, [])
})

test('no file is where everything happens', () => {
  const long = packages
    .flatMap(({ folder }) => sources(folder))
    .filter((path) => read(path).split('\n').length > (isTest(path) ? 700 : 400))
  assert.deepEqual(long, [])
})

/** Time, chance and environment are handed in, so that the simulator can own them. */
const ambient: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, 'take clock'],
  [/\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/, 'take rng'],
  [/(?<![.\w])set(Timeout|Interval)\(/, 'take clock'],
  [/\bprocess\.env\b/, 'take env'],
  [/(?<![.\w])console\./, 'take log'],
]
const mayBeAmbient = /^packages\/(host|daemon|cli|testkit)\/|\/main\.ts$/

test('no ambient time, randomness, environment or console outside host, daemon, cli and process entries', () => {
  const errors: string[] = []
  for (const path of packages.flatMap(({ folder }) => sources(folder))) {
    if (isTest(path) || mayBeAmbient.test(path)) continue
    const code = read(path).replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
    for (const [pattern, hint] of ambient) if (pattern.test(code)) errors.push(`${path}: ${pattern.source} (${hint})`)
  }
  assert.deepEqual(errors, [])
})

const required: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['packages/engines/*', ['index.ts', 'engine.ts', 'load.ts', 'run.ts', 'options.ts', 'errors.ts', 'main.ts', 'engine.test.ts']],
  ['packages/sources/*', ['index.ts', 'source.ts', 'resolve.ts', 'download.ts', 'options.ts', 'errors.ts', 'source.test.ts']],
  ['packages/api/*', ['index.ts', 'face.ts', 'codec.ts', 'limits.ts', 'face.test.ts']],
]

test('every engine, source and face has the same files, and its compliance suite', () => {
  for (const [pattern, files] of required) {
    const folders = globSync(pattern, { cwd: root })
    assert.ok(folders.length > 0, pattern)
    for (const folder of folders) {
      for (const file of files) assert.ok(existsSync(join(root, folder, 'src', file)), `${folder} lacks src/${file}`)
      const suite = read(join(folder, 'src', files.at(-1) ?? ''))
      assert.match(suite, /@soma\/testkit\/(engine|source|face)/, `${folder} does not run its compliance suite`)
    }
  }
})

test('an index lists its public names: no export *, no default export', () => {
  const errors = packages.flatMap(({ folder }) => sources(folder)).filter((path) => /^export (\*|default)/m.test(read(path)))
  assert.deepEqual(errors, [])
})

test('no secrets, machine paths or registry hosts are committed', () => {
  const texts = [
    ...globSync('*.{json,md,ts}', { cwd: root }),
    ...globSync('{docs,scripts,test,packages,examples,bench,.ci}/**/*.{ts,md,json,mjs,yaml}', {
      cwd: root,
      exclude: ['**/node_modules/**', '**/dist/**'],
    }),
    'package-lock.json',
  ]
  const unwanted = [new RegExp(['', 'work', 'main'].join('/')), /"resolved": "https?:/, /-----BEGIN [A-Z ]*PRIVATE KEY/]
  const errors = texts.flatMap((path) =>
    unwanted.filter((pattern) => pattern.test(read(path))).map((pattern) => `${path}: ${pattern.source}`),
  )
  assert.deepEqual(errors, [])
})
