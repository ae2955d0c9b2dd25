import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type BlobDigest, SomaError, isSomaError } from '@soma/core'
import { arithmeticModel, externalDataModel, identityModel } from '@soma/testkit/onnx'
import { tarGzOf, tarOf, zipOf } from '@soma/testkit/server'
import { DISK_RESERVE_BYTES } from './limits.ts'
import { TestInstall, codeOf } from './test-install.ts'

const onnx = Buffer.from(arithmeticModel())
/** Long enough for several chunks. */
const echo = Buffer.from('echo '.repeat(2000))

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const digestOf = (bytes: Uint8Array | string): BlobDigest => `sha256:${sha256(bytes)}` as BlobDigest

describe('model.install', () => {
  it('installs a package: files, roles, signature, licence, digest and where it came from', async () => {
    await using test = await TestInstall.create()
    test.source.serve(
      'sums',
      { 'sub/model.onnx': onnx, 'sub/config.json': '{}', LICENSE: 'free', 'other/vocab.txt': 'x', 'setup.py': 'x' },
      { licence: 'MIT', description: 'adds' },
    )
    const { output, events } = await test.install('test/sums')
    assert.equal(output.alreadyInstalled, false)
    assert.deepEqual(
      { ...output.model, digest: '', installedAt: 0 },
      {
        name: 'sums',
        version: '1.0.0',
        reference: 'test/sums@1.0.0',
        wanted: 'test/sums',
        format: 'onnx',
        task: 'tensor-to-tensor',
        engine: 'onnx',
        sizeBytes: onnx.byteLength + 6,
        files: 3,
        digest: '',
        licence: 'MIT',
        installedAt: 0,
        loaded: false,
        pinned: false,
        aliases: [],
      },
    )
    assert.deepEqual(
      events.map(({ type }) => type).filter((type) => type !== 'download'),
      ['resolved', 'scan', 'verify', 'verify', 'verify', 'register'],
    )
    const model = test.registry.get('sums')
    assert.deepEqual(
      model.files.map(({ path, role }) => [path, role]),
      [
        ['LICENSE', null],
        ['sub/config.json', null],
        ['sub/model.onnx', 'model'],
      ],
    )
    assert.deepEqual(model.signature?.inputs[0], { name: 'a', dtype: 'float32', shape: [2, -1] })
    assert.equal(model.manifest.spec.source?.reference, 'test/sums@1.0.0')
    assert.deepEqual(
      test.emitted.map(({ name, resource }) => [name, resource]),
      [['model.installed', 'model/sums']],
    )
    await test.idle()
    assert.deepEqual(await test.leftovers(), { blobs: 3, partials: 0, temporary: 0, layouts: 0 })
  })

  it('knows that a package is installed already, and fetches nothing', async () => {
    await using test = await TestInstall.create()
    test.source.serve('sums', { 'model.onnx': onnx })
    await test.install('test/sums')
    const sent = test.source.sentBytes
    assert.equal((await test.install('test/sums')).output.alreadyInstalled, true)
    await test.reopen()
    assert.equal((await test.install('test/sums')).output.alreadyInstalled, true)
    assert.equal(test.source.sentBytes, sent)
  })

  it('does not put a different package under a taken name, unless told to replace it', async () => {
    await using test = await TestInstall.create()
    test.source.serve('one', { 'a.echo': 'first' })
    test.source.serve('two', { 'b.echo': 'second' })
    test.keepVersions = 0
    await test.install('test/one', { name: 'm' })
    await assert.rejects(
      test.install('test/two', { name: 'm' }),
      (error) => isSomaError(error, 'model/exists') && error.details['installed'] === 'test/one@1.0.0',
    )
    test.running.loaded.add('m')
    await test.install('test/two', { name: 'm', replace: true })
    assert.equal(test.registry.get('m').reference, 'test/two@1.0.0')
    assert.deepEqual(test.running.unloaded, ['m'])
    await test.store.blobs.collect({})
    assert.equal((await test.leftovers()).blobs, 1)
  })

  it('lets one of two different installs of a name win, and refuses the other at the commit', async () => {
    await using test = await TestInstall.create()
    test.source.serve('one', { 'a.echo': echo })
    test.source.serve('two', { 'b.echo': echo.subarray(5) })
    const codes = await Promise.all([codeOf(test.install('test/one', { name: 'm' })), codeOf(test.install('test/two', { name: 'm' }))])
    assert.deepEqual(codes.toSorted(), ['model/exists', 'none'])
    await test.idle()
    await test.store.blobs.collect({})
    assert.equal((await test.leftovers()).blobs, 1)
  })

  for (const [kind, archive] of [
    ['tar', tarOf],
    ['tar.gz', tarGzOf],
    ['zip', zipOf],
  ] as const)
    it(`unpacks ${kind}, dropping leading folders and code`, async () => {
      await using test = await TestInstall.create()
      const files = { 'package/assets/m.onnx': onnx, 'package/index.js': 'code', 'package/package.json': '{}', 'package/LICENSE.md': 'MIT' }
      test.source.serve('packed', { 'packed.bin': { bytes: archive(files), kind, stripComponents: 1 } })
      const { events } = await test.install('test/packed')
      assert.deepEqual(
        test.registry.get('packed').files.map(({ path }) => path),
        ['LICENSE.md', 'assets/m.onnx'],
      )
      assert.ok(events.some((event) => event.type === 'unpack' && event.files === 2))
      await test.idle()
      assert.deepEqual(await test.leftovers(), { blobs: 2, partials: 0, temporary: 0, layouts: 0 })
    })

  it('recognises a package by the first layout that fits, every role by one file', async () => {
    await using test = await TestInstall.create()
    test.source.serve('ocr', {
      'm/ch_det_v4.onnx': onnx,
      'm/ch_rec_v4.onnx': Buffer.from(identityModel('uint8')),
      'm/ppocr_keys_v1.txt': 'abc',
    })
    await test.install('test/ocr')
    const model = test.registry.get('ocr')
    assert.deepEqual([model.engine, model.task, model.signature], ['ocr', 'image-to-text', null])
    assert.deepEqual(Object.fromEntries(model.files.map(({ role, path }) => [role, path])), {
      detection: 'm/ch_det_v4.onnx',
      recognition: 'm/ch_rec_v4.onnx',
      dictionary: 'm/ppocr_keys_v1.txt',
    })
  })

  it('names the candidates of an ambiguous package, and takes the one that include names', async () => {
    await using test = await TestInstall.create()
    test.source.serve('two', { 'a.onnx': onnx, 'b.onnx': identityModel('bool'), 'c.json': '{}' })
    await assert.rejects(test.install('test/two'), (error) => {
      assert.ok(isSomaError(error, 'package/no-model'))
      assert.deepEqual(error.details['candidates'], ['a.onnx', 'b.onnx'])
      return error.message.includes('include')
    })
    await test.install('test/two', { include: ['B.*'] })
    assert.deepEqual(
      test.registry.get('two').files.map(({ path }) => path),
      ['b.onnx'],
    )
    await assert.rejects(test.install('test/two', { name: 'none', include: ['*.gguf'] }), (error) => isSomaError(error, 'package/no-model'))
  })

  it('takes weights that lie beside a model along, and refuses a model without them', async () => {
    await using test = await TestInstall.create()
    const { model, data } = externalDataModel('onnx__MatMul_12', [1, 2, 3, 4])
    test.source.serve('big', { 'onnx/model.onnx': model, 'onnx/onnx__MatMul_12': data, 'onnx/stray.bin': 'x' })
    await test.install('test/big')
    assert.deepEqual(
      test.registry.get('big').files.map(({ path }) => path),
      ['onnx/model.onnx', 'onnx/onnx__MatMul_12'],
    )
    test.source.serve('lost', { 'model.onnx': model })
    await assert.rejects(
      test.install('test/lost'),
      (error) => isSomaError(error, 'package/no-model') && error.message.includes('onnx__MatMul_12'),
    )
  })

  it('refuses a corrupt ONNX, naming file and offset, and leaves nothing', async () => {
    await using test = await TestInstall.create()
    test.source.serve('cut', { 'm/model.onnx': onnx.subarray(0, onnx.byteLength / 2) })
    await assert.rejects(
      test.install('test/cut'),
      (error) =>
        isSomaError(error, 'package/invalid-model') &&
        error.details['path'] === 'm/model.onnx' &&
        typeof error.details['offset'] === 'number',
    )
    assert.deepEqual(await test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
  })

  it('makes names that models can have of names that they cannot', async () => {
    await using test = await TestInstall.create()
    test.source.serve('x', { 'a.echo': 'a' }, { suggestedName: '@Scope/My Model!' })
    assert.equal((await test.install('test/x')).output.model.name, 'scope-my-model')
  })

  it('adopts files of this machine, and fetches instead what is not as promised', async () => {
    await using test = await TestInstall.create()
    const localPath = join(test.directory, 'local.echo')
    await writeFile(localPath, echo)
    test.source.serve('local', { 'local.echo': { bytes: echo, localPath, algorithm: 'sha512' } })
    const { events } = await test.install('test/local')
    assert.equal(test.source.sentBytes, 0)
    assert.ok(events.some((event) => event.type === 'adopt' && event.how !== 'hardlink' && event.sizeBytes === echo.byteLength))
    assert.deepEqual(await readFile(localPath), echo)
    const other = Buffer.from('echo '.repeat(2001))
    for (const [name, file] of Object.entries({
      changed: { bytes: Buffer.from(echo).fill(0, 7, 8), localPath },
      grown: { bytes: other, localPath, promises: 'size' as const },
      gone: { bytes: other.subarray(5), localPath: `${localPath}.gone`, algorithm: 'sha1' as const },
    })) {
      test.source.serve(name, { 'local.echo': file })
      const sent: number = test.source.sentBytes
      const install = await test.install(`test/${name}`)
      assert.equal(test.source.sentBytes - sent, file.bytes.byteLength)
      assert.ok(install.events.some((event) => event.type === 'warning' && event.message.includes('cannot be used')))
    }
    assert.equal((await test.call('model.verify', {})).output.ok, true)
  })

  it('links files that nobody writes to any more, and leaves them as they are', async () => {
    await using test = await TestInstall.create()
    const localPath = join(test.directory, 'cached')
    await writeFile(localPath, echo, { mode: 0o640 })
    test.source.serve('cached', { 'm.echo': { bytes: echo, localPath, localImmutable: true } })
    const { events } = await test.install('test/cached')
    assert.ok(events.some((event) => event.type === 'adopt' && event.how === 'hardlink'))
    const { ino, mode } = await stat(localPath)
    const [file] = test.registry.get('cached').files
    assert.equal((await stat(test.store.blobs.path(file?.digest ?? digestOf('')))).ino, ino)
    assert.equal(mode & 0o777, 0o640)
    await test.call('model.remove', { model: 'cached' })
    await test.idle()
    assert.deepEqual(await readFile(localPath), echo)
  })

  it('takes small files that the source wrote itself without asking it for them', async () => {
    await using test = await TestInstall.create()
    const licence = Buffer.from('Apache-2.0')
    test.source.serve('m', { 'm.echo': echo, LICENSE: { bytes: licence, content: licence } })
    await test.install('test/m')
    assert.deepEqual(
      test.source.requests.map(({ key }) => key),
      ['m!m.echo'],
    )
    test.source.serve('wrong', { 'm.echo': { bytes: echo, content: Buffer.from(echo).fill(0, 0, 1) } })
    assert.equal(await codeOf(test.install('test/wrong')), 'package/hash-mismatch')
    const large = Buffer.alloc(1024 * 1024 + 1)
    test.source.serve('large', { 'm.echo': { bytes: large, content: large } })
    assert.equal(await codeOf(test.install('test/large')), 'package/size-mismatch')
  })

  it('fetches no bytes that the store has, unless they are damaged there', async () => {
    await using test = await TestInstall.create()
    const [shared, own] = [Buffer.alloc(30_000, 'shared'), Buffer.from('own')]
    test.source.serve('a', { 'm.echo': echo, 'shared.txt': shared })
    test.source.serve('b', { 'm.echo': echo, 'shared.txt': shared, 'own.txt': own })
    await test.install('test/a')
    const sent = test.source.sentBytes
    // Room for what is new, and no more.
    test.freeBytes = DISK_RESERVE_BYTES + own.byteLength
    const { events } = await test.install('test/b')
    assert.equal(test.source.sentBytes - sent, own.byteLength)
    assert.equal(events.filter((event) => event.type === 'adopt' && event.how === 'stored').length, 2)
    const blob = test.store.blobs.path(digestOf(shared))
    await chmod(blob, 0o600)
    await writeFile(blob, Buffer.from(shared).fill(0, 7, 8))
    test.freeBytes = Number.MAX_SAFE_INTEGER
    await test.install('test/b', { name: 'c' })
    assert.equal(test.source.sentBytes - sent, own.byteLength + shared.byteLength)
    assert.equal((await test.call('model.verify', {})).output.ok, true)
  })

  it('answers offline for what was installed by the same reference', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.echo': echo })
    await test.install('test/m', { name: 'mine' })
    const offline = (): void => void test.source.resolveFaults.push(new SomaError('source/offline', 'offline mode is on'))
    offline()
    const { output } = await test.install('test/m', { name: 'mine' })
    assert.deepEqual([output.alreadyInstalled, output.model.name], [true, 'mine'])
    for (const more of [{ name: 'other' }, { include: ['*.echo'] }]) {
      offline()
      assert.equal(await codeOf(test.install('test/m', more)), 'source/offline')
    }
  })

  it('refuses an unknown source and says which there are', async () => {
    await using test = await TestInstall.create()
    for (const reference of ['hub/x', 'test', 'test/', '/x/y', 'https://x/y'])
      await assert.rejects(
        test.install(reference),
        (error) => isSomaError(error, 'source/invalid-reference') && (error.details['sources'] as string[]).includes('test'),
      )
    await assert.rejects(test.install('my-model'), /is named by its path, e\.g\. \.\/my-model/)
  })

  it('asks for disk space before the first byte is fetched', async () => {
    await using test = await TestInstall.create()
    test.source.serve('sums', { 'model.onnx': onnx })
    test.freeBytes = onnx.byteLength
    await assert.rejects(
      test.install('test/sums'),
      (error) => isSomaError(error, 'store/disk-full') && error.details['freeBytes'] === onnx.byteLength,
    )
    assert.equal(test.source.requests.length, 0)
  })

  it('leaves nothing behind when the commit fails', async () => {
    await using test = await TestInstall.create()
    test.source.serve('sums', { 'model.onnx': onnx })
    assert.equal(await codeOf(test.install('test/sums', {}, { failCommit: new SomaError('store/disk-full', 'full') })), 'store/disk-full')
    await test.idle()
    await test.store.blobs.collect({})
    assert.deepEqual(await test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
    assert.equal(test.registry.find('sums'), undefined)
  })

  describe('with a manifest', () => {
    const manifest = (files: string, more = ''): string =>
      `apiVersion: v1\nkind: Model\nmetadata: {name: inner, version: "3.1", license: ""}\nspec:\n  framework: {name: onnx}\n  format:\n    type: onnx\n    files: ${files}\n${more}`

    it('installs what it lists, fills in what it does not say, and keeps the rest', async () => {
      await using test = await TestInstall.create()
      const text = manifest(
        `[{path: m.onnx, size: ${onnx.byteLength}, sha256: ${sha256(onnx)}}, {path: data/words.bin, size: 0, sha256: "", note: kept}]`,
        '  extra: {a: 1}\n',
      )
      test.source.serve('with', { 'manifest.yaml': text, 'm.onnx': onnx, 'data/words.bin': 'w', 'unlisted.json': '{}' }, { licence: 'MIT' })
      const { output } = await test.install('test/with')
      assert.deepEqual([output.model.version, output.model.licence], ['3.1', 'MIT'])
      const model = test.registry.get('with')
      assert.deepEqual(
        model.files.map(({ path, role }) => [path, role]),
        [
          ['data/words.bin', null],
          ['m.onnx', 'model'],
        ],
      )
      assert.deepEqual(model.manifest.spec['extra'], { a: 1 })
      assert.deepEqual(model.manifest.spec.format.files[0], { path: 'data/words.bin', size: 1, sha256: sha256('w'), note: 'kept' })
      assert.equal(model.manifest.metadata.name, 'inner')
    })

    it('finds it in the one folder around an archive', async () => {
      await using test = await TestInstall.create()
      const bytes = tarGzOf({
        'model-1.0/manifest.yaml': manifest('[{path: m.onnx}]'),
        'model-1.0/m.onnx': onnx,
        'deploy/manifest.yaml': 'kind: Deployment',
      })
      test.source.serve('axon', { 'model.axon': { bytes, kind: 'tar.gz' } })
      await test.install('test/axon')
      assert.deepEqual(
        test.registry.get('axon').files.map(({ path }) => path),
        ['m.onnx'],
      )
    })

    const lies: ReadonlyArray<readonly [string, string, string, string]> = [
      ['a wrong hash', `[{path: m.onnx, sha256: ${'a'.repeat(64)}}]`, '', 'package/hash-mismatch'],
      ['a wrong size', '[{path: m.onnx, size: 7}]', '', 'package/size-mismatch'],
      ['a file that is not there', '[{path: m.onnx}, {path: gone.bin}]', '', 'package/no-model'],
      ['a path outside', '[{path: ../m.onnx}]', '', 'package/unsafe-path'],
      ['an absolute path', '[{path: /etc/passwd}]', '', 'package/unsafe-path'],
      ['a role without its file', '[{path: m.onnx}]', '    execution_files: {model: other.onnx}\n', 'package/no-model'],
      ['one file in two roles', '[{path: m.onnx}]', '    execution_files: {a: m.onnx, b: m.onnx}\n', 'package/invalid-manifest'],
      ['an unknown dtype', '[{path: m.onnx}]', '  io: {inputs: [{name: x, dtype: float80}]}\n', 'package/invalid-manifest'],
      ['a duplicate key', '[{path: m.onnx}]', '  io: {}\n  io: {}\n', 'package/invalid-manifest'],
    ]
    for (const [lie, files, more, code] of lies)
      it(`refuses ${lie}, and leaves nothing`, async () => {
        await using test = await TestInstall.create()
        test.source.serve('liar', { 'manifest.yaml': manifest(files, more), 'm.onnx': onnx })
        assert.equal(await codeOf(test.install('test/liar')), code)
        assert.deepEqual(await test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
      })

    it('refuses 100 MB of YAML without reading it', async () => {
      await using test = await TestInstall.create()
      test.source.serve('bomb', { 'manifest.yaml': { bytes: Buffer.alloc(100 * 1024 * 1024, 'a: 1\n'), promises: 'size' }, 'm.onnx': onnx })
      Object.assign(test.source, { chunkBytes: 4 * 1024 * 1024 })
      assert.equal(await codeOf(test.install('test/bomb')), 'package/invalid-manifest')
    })
  })
})
