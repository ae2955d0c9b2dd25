import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type LogRecord, createLog } from '@soma/core'
import { systemClock } from '@soma/host'
import { arithmeticModel } from '@soma/testkit/onnx'
import { createFaultyServer } from '@soma/testkit/server'
import { type SomaOptions, builtInEngines, createSoma } from './index.ts'
import { asOwner, newHome } from './test-home.ts'

const example = join(import.meta.dirname, '../../../examples/source/shelf.js')

/** A home whose sources folder holds these files, and what its daemon logs. */
async function homeWith(t: TestContext, files: Readonly<Record<string, string>>) {
  const logged: LogRecord[] = []
  const home = await newHome(t)
  const log = createLog({ level: 'error', clock: systemClock, write: (record) => logged.push(record) })
  const options: SomaOptions = { ...home, log, engines: builtInEngines() }
  await mkdir(options.paths.sources, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(options.paths.sources, name, '..'), { recursive: true })
    await writeFile(join(options.paths.sources, name), text)
  }
  return { options, logged }
}

/** A source that can do nothing, as a module. */
const sourceText = (scheme: string, more = ''): string =>
  `export const createSource = () => ({ sourceVersion: 1, scheme: '${scheme}', title: 't', example: '${scheme}/x', resolve() {}, download() {}, ${more} })`

test('the example source, put into the user’s folder, installs a model whole and verified', async (t) => {
  const model = Buffer.from(arithmeticModel())
  const sha256 = createHash('sha256').update(model).digest('hex')
  const index = { tiny: { version: '3', files: { 'model.onnx': { size: model.byteLength, sha256 } } } }
  await using server = await createFaultyServer({ '/index.json': { body: JSON.stringify(index) }, '/tiny/3/model.onnx': { body: model } })
  const { options, logged } = await homeWith(t, {})
  await copyFile(example, join(options.paths.sources, 'shelf.js'))
  const soma = await createSoma({ ...options, env: { ...options.env, SHELF_URL: server.origin } })
  const calls = asOwner(soma)
  const install = calls.stream('model.install', { reference: 'shelf/tiny' })
  await Array.fromAsync(install)
  const { model: installed } = await install.output
  assert.equal(installed.reference, 'shelf/tiny@3')
  const { files } = await calls.call('model.show', { model: 'tiny' })
  assert.equal(files[0]?.digest, `sha256:${sha256}`)
  const unknown = calls.stream('model.install', { reference: 'shelf/huge' })
  await assert.rejects(Promise.all([Array.fromAsync(unknown), unknown.output]), { code: 'source/not-found', message: /it has tiny@3/ })
  await soma.stop()
  assert.deepEqual(logged, [])
})

test('a source is a file or a folder, in TypeScript or JavaScript, and may be linked', async (t) => {
  const { options, logged } = await homeWith(t, {
    'a.ts': sourceText('a').replace('()', '(): object'),
    'b/index.mjs': sourceText('b'),
    'b/other.js': 'throw new Error("is not read")',
    'notes.txt': 'not a source',
    'elsewhere/real.js': sourceText('c'),
  })
  await symlink('elsewhere/real.js', join(options.paths.sources, 'c.js'))
  const soma = await createSoma(options)
  const refused = asOwner(soma).stream('model.install', { reference: 'nowhere/x' })
  await assert.rejects(Promise.all([Array.fromAsync(refused), refused.output]), { code: 'source/invalid-reference', message: /a, b, c\b/ })
  await soma.stop()
  assert.deepEqual(logged, [])
})

test('a broken source is left out and named in the log, and the daemon starts', async (t) => {
  const files = {
    'syntax.js': 'export const createSource = (',
    'nothing.js': 'export const other = 1',
    'throws.js': 'export const createSource = () => { throw new Error("no") }',
    'taken.js': sourceText('npm'),
    'scheme.js': sourceText('UPPER'),
    'version.js': sourceText('newer', 'sourceVersion: 2'),
    'lacks.js': sourceText('lacks', 'download: undefined'),
    'open.js': sourceText('open'),
    'open-folder/index.js': sourceText('open-folder'),
  }
  const { options, logged } = await homeWith(t, files)
  await chmod(join(options.paths.sources, 'open.js'), 0o666)
  await chmod(join(options.paths.sources, 'open-folder'), 0o777)
  const soma = await createSoma(options)
  const refused = asOwner(soma).stream('model.install', { reference: 'open/x' })
  await assert.rejects(Promise.all([Array.fromAsync(refused), refused.output]), { code: 'source/invalid-reference' })
  await soma.stop()
  const named = logged.map(({ fields }) => String(fields['file']).slice(options.paths.sources.length + 1))
  assert.deepEqual(new Set(named), new Set(Object.keys(files)))
})
