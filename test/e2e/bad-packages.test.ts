// What packages that lie, archives that explode, and installs that are cut off get: nothing of them is there.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Soma } from '@soma/sdk'
import { createFaultyServer, drips, tarGzOf, tarOf, withholdsFrom, zipOf } from '@soma/testkit/server'
import { MIB, outputOf, peakMib, refused, soma, temporaryFolder, until } from './attack.ts'
import { TestDaemon } from './daemon.ts'

/** What no manifest or archive may make the daemon take. */
const DAEMON_MIB_MAX = 350
const good = '{}'
const sha256 = createHash('sha256').update(good).digest('hex')

/** A manifest of the echo engine; `format` is what lies. */
function manifest(format: string, rest = ''): string {
  return ['apiVersion: soma/v1', 'kind: Model', 'metadata:', '  name: liar', 'spec:', '  format:', '    type: echo', format, rest].join(
    '\n',
  )
}
const files = (entry: string): string => manifest(`    files:\n      - ${entry}\n    execution_files: {model: model.echo}`)

describe('bad packages', () => {
  let daemon: TestDaemon
  let owner: Soma
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    folder = await temporaryFolder()
    daemon = await TestDaemon.start()
    owner = await daemon.connect()
  })
  after(async () => {
    await owner?.[Symbol.asyncDispose]()
    await daemon?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
    assert.deepEqual(daemon.processes(), [])
  })

  const lay = async (name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<string> => {
    const path = join(folder.path, name)
    for (const [file, content] of Object.entries(contents)) {
      await mkdir(dirname(join(path, file)), { recursive: true })
      await writeFile(join(path, file), content)
    }
    return path
  }
  const install = (path: string): Promise<unknown> => outputOf(owner.model.install({ reference: `file/${path}`, name: 'liar' }))
  const nothingIsThere = async (): Promise<void> => {
    assert.deepEqual((await owner.model.list()).models, [])
    await until(async () => (await owner.system.status()).disk.blobs === 0, 'no blob is left')
    await refused(owner.model.show({ model: 'liar' }), 'model/not-found')
  }

  const line = (wanted: string) => new RegExp(`manifest\\.yaml:\\d+:\\d+: .*${wanted}|${wanted}`, 's')
  const lies: Readonly<Record<string, readonly [yaml: string, code: string, message: RegExp]>> = {
    'a path that leaves the package': [
      files('{path: ../../etc/passwd}'),
      'package/unsafe-path',
      /"\.\.\/\.\.\/etc\/passwd" is refused: it leaves the package/,
    ],
    'an absolute path': [files('{path: /etc/passwd}'), 'package/unsafe-path', /"\/etc\/passwd" is refused: it is absolute/],
    'a Windows path': [files('{path: "C:\\\\x"}'), 'package/unsafe-path', /refused/],
    'a path with a NUL': [files('{path: "a\\0b"}'), 'package/unsafe-path', /NUL/],
    'a role outside the package': [manifest('    execution_files: {model: ../model.echo}'), 'package/unsafe-path', /\.\.\/model\.echo/],
    'a hash that is another file’s': [
      files(`{path: model.echo, sha256: "${'0'.repeat(64)}"}`),
      'package/hash-mismatch',
      new RegExp(`model\\.echo .*expected sha256:0{64}, found sha256:${sha256}`),
    ],
    'a hash that is none': [files('{path: model.echo, sha256: abc}'), 'package/invalid-manifest', line('expected 64 hex digits')],
    'a wrong size': [files('{path: model.echo, size: 3}'), 'package/size-mismatch', /model\.echo has 2 bytes; the manifest says 3/],
    'a negative size': [files('{path: model.echo, size: -1}'), 'package/invalid-manifest', line('size')],
    'a file that is not there': [
      files('{path: missing.bin}'),
      'package/no-model',
      /"missing\.bin" is listed in the manifest, but is not in the package/,
    ],
    'an unknown dtype': [
      manifest('    execution_files: {model: model.echo}', '  io: {inputs: [{name: x, dtype: float128, shape: [1]}]}'),
      'package/invalid-manifest',
      line('dtype'),
    ],
    'a negative dimension': [
      manifest('    execution_files: {model: model.echo}', '  io: {inputs: [{name: x, dtype: float32, shape: [-7]}]}'),
      'package/invalid-manifest',
      line('shape'),
    ],
    'the same key twice': [manifest('    type: onnx'), 'package/invalid-manifest', /manifest\.yaml:8:\d+: .*"type" stands there twice/],
    'a bomb of aliases': [bombOfAliases(), 'package/invalid-manifest', /manifest\.yaml:\d+:\d+: aliases are not read/],
    'nesting 10,000 deep': [manifest(`    x: ${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'package/invalid-manifest', /manifest\.yaml/],
    'a prototype as a key': [manifest('    __proto__: {polluted: true}'), 'package/invalid-manifest', /__proto__/],
    'a tag that makes objects': [manifest('    x: !!js/function "function () {}"'), 'package/invalid-manifest', /manifest\.yaml:\d+/],
    'another kind of document': [
      'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {format: {type: echo}}',
      'package/invalid-manifest',
      line('kind'),
    ],
    'a version of the future': [manifest('').replace('soma/v1', 'soma/v9'), 'package/invalid-manifest', line('apiVersion')],
    'no YAML at all': ['{{{', 'package/invalid-manifest', /manifest\.yaml:1:\d+/],
  }
  for (const [what, [yaml, code, message]] of Object.entries(lies))
    test(`a manifest with ${what} is refused with what and where`, async () => {
      await refused(install(await lay(`lie-${what.replaceAll(/\W/g, '-')}`, { 'model.echo': good, 'manifest.yaml': yaml })), code, message)
      await nothingIsThere()
    })

  test('a manifest that is not UTF-8 is refused with the byte', async () => {
    const yaml = Buffer.concat([Buffer.from(manifest('    execution_files: {model: model.echo}\n    x: ')), Buffer.from([0xff, 0xfe])])
    await refused(
      install(await lay('latin', { 'model.echo': good, 'manifest.yaml': yaml })),
      'package/invalid-manifest',
      /not UTF-8 text \(byte \d+\)/,
    )
    await nothingIsThere()
  })

  test('a manifest of 100 MB is refused by its size, unread', async () => {
    const path = await lay('huge', { 'model.echo': good, 'manifest.yaml': manifest('') })
    await truncate(join(path, 'manifest.yaml'), 100_000_000)
    const before = peakMib(daemon.pid)
    await refused(install(path), 'package/invalid-manifest', /manifest\.yaml has 100000000 bytes; at most 262144 are read/)
    assert.ok(peakMib(daemon.pid) < before + 50, `${peakMib(daemon.pid)} MiB`)
    await nothingIsThere()
  })

  test('links out of the package are refused', async () => {
    const path = await lay('link', { 'model.echo': good })
    await symlink('/etc/passwd', join(path, 'vocab.txt'))
    await refused(install(path), 'package/unsafe-path', /vocab\.txt is a link that leaves the folder/)
    await nothingIsThere()
  })

  const archives: Readonly<Record<string, readonly [name: string, bytes: () => Uint8Array, message: RegExp]>> = {
    'a zip bomb': ['bomb.zip', () => zipBomb(256), /weights\.onnx|bomb\.zip/],
    'a zip that overlaps itself': ['overlap.zip', overlappingZip, /overlap\.zip|weights/],
    'a tar bomb': [
      'bomb.tar.gz',
      () => gzipSync(tarOf({ 'model.echo': good, 'weights.onnx': new Uint8Array(256 * MIB) }), { level: 9 }),
      /weights\.onnx|bomb\.tar\.gz/,
    ],
    'a zip with a path that leaves it': ['leaves.zip', () => zipOf({ 'model.echo': good, '../../evil.onnx': 'x' }), /\.\.\/\.\.\/evil/],
    'a tar with an absolute path': ['absolute.tar.gz', () => tarGzOf({ 'model.echo': good, '/etc/evil.onnx': 'x' }), /\/etc\/evil/],
    'a truncated zip': ['half.zip', () => zipOf({ 'model.echo': good, 'a.onnx': 'x'.repeat(1000) }).subarray(0, 60), /half\.zip/],
    'a truncated tar': ['half.tar.gz', () => tarGzOf({ 'model.echo': good }).subarray(0, 60), /half\.tar\.gz/],
    'bytes that are no archive': ['random.zip', () => Buffer.from('PK\u0003\u0004 but no'), /random\.zip/],
  }
  for (const [what, [name, bytes, message]] of Object.entries(archives))
    test(`${what} is refused, and takes no memory`, async () => {
      await writeFile(join(folder.path, name), bytes())
      // The zip library finds unsafe paths before we do; either way the entry is named.
      const code = /absolute/.test(name) ? 'package/unsafe-path' : 'package/archive-refused'
      await refused(install(join(folder.path, name)), code, message)
      await nothingIsThere()
      assert.ok(peakMib(daemon.pid) < DAEMON_MIB_MAX, `${peakMib(daemon.pid)} MiB`)
    })

  test('through the command line it is one line with the code’s exit status', async () => {
    const path = await lay('lie-cli', { 'model.echo': good, 'manifest.yaml': files('{path: ../x}') })
    const { code, stderr } = await soma(daemon.home, 'model', 'install', `file/${path}`)
    assert.equal(code, 65)
    assert.match(stderr, /the path "\.\.\/x" is refused: it leaves the package/)
    assert.match(stderr, /package\/unsafe-path/)
  })
})

test('an install cut off by kill -9 is resumed: less than all is fetched again, and it verifies', async () => {
  const sizeBytes = 64 * MIB
  const block = Buffer.alloc(MIB, 'weights')
  await using server = await createFaultyServer({ '/model.echo': { body: { block, sizeBytes }, etag: '"one"' } })
  await using daemon = await TestDaemon.start()
  const reference = `url/${server.origin}/model.echo`
  // Slow enough for the progress to be told in time, and not to its end, so that the kill comes in the middle.
  server.fail('*', drips(MIB, 50))
  server.fail('*', withholdsFrom(sizeBytes - 4 * MIB))
  {
    await using owner = await daemon.connect()
    const stream = owner.model.install({ reference, name: 'large' })
    stream.output.catch(() => undefined)
    for await (const event of stream) if (event.type === 'download' && event.receivedBytes > sizeBytes / 2) break
  }
  const killed = daemon.kill()
  server.heal()
  await killed
  await server.whenQuiet()
  await daemon.start()
  const before = server.requests.length
  await using owner = await daemon.connect()
  assert.deepEqual((await owner.model.list()).models, [])
  const stream = owner.model.install({ reference, name: 'large' })
  let resumedBytes = 0
  for await (const event of stream) if (event.type === 'download') resumedBytes = Math.max(resumedBytes, event.resumedBytes)
  const { model } = await stream.output
  assert.equal(model.sizeBytes, sizeBytes)
  const sentBytes = server.requests.slice(before).reduce((sum, request) => sum + request.sentBytes, 0)
  assert.ok(sentBytes < sizeBytes && sentBytes + resumedBytes <= sizeBytes + MIB, `${sentBytes} sent, ${resumedBytes} resumed`)
  assert.ok(resumedBytes > 0)
  const verified = await soma(daemon.home, 'model', 'verify', 'large', '--json')
  assert.equal(verified.code, 0, verified.stdout)
  const audit = await soma(daemon.home, 'audit', 'verify')
  assert.equal(audit.code, 0, audit.stdout)
})

/** Nine lists of nine of the one before: 9⁹ values. */
function bombOfAliases(): string {
  const lists = Array.from(
    { length: 9 },
    (_, level) => `  l${level + 1}: &l${level + 1} [${Array.from({ length: 9 }, () => `*l${level}`).join(', ')}]`,
  )
  return `apiVersion: v1\nkind: Model\nmetadata:\n  name: bomb\n  l0: &l0 x\n${lists.join('\n')}\nspec: {format: {type: echo}}\n`
}

/** One entry of zeros, a thousandth of its size. */
function zipBomb(mebibytes: number): Uint8Array {
  return zipOf({ 'model.echo': good, 'weights.onnx': new Uint8Array(mebibytes * MIB) })
}

/** Two hundred entries of the central directory that all mean the same 4 MiB of zeros. */
function overlappingZip(): Uint8Array {
  const one = Buffer.from(zipOf({ 'weights-000.onnx': new Uint8Array(4 * MIB) }))
  const end = one.lastIndexOf(Buffer.from('504b0506', 'hex'))
  const begin = one.readUInt32LE(end + 16)
  const entry = one.subarray(begin, end)
  const entries = Array.from({ length: 200 }, (_, index) => {
    const copy = Buffer.from(entry)
    copy.write(String(index).padStart(3, '0'), copy.indexOf('weights-') + 'weights-'.length)
    return copy
  })
  const tail = Buffer.from(one.subarray(end))
  tail.writeUInt16LE(entries.length, 8)
  tail.writeUInt16LE(entries.length, 10)
  tail.writeUInt32LE(entries.length * entry.length, 12)
  return Buffer.concat([one.subarray(0, begin), ...entries, tail])
}
