// What a daemon does when the disk lies: every flipped bit is found and named, and a full one loses nothing.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, closeSync, ftruncateSync, openSync, readFileSync, readdirSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { connectHttp } from '@soma/sdk'
import { identityModel } from '@soma/testkit/onnx'
import { zipOf } from '@soma/testkit/server'
import { MIB, outputOf, refused, soma, temporaryFolder, until } from './attack.ts'
import { TestDaemon, echoModel } from './daemon.ts'

interface ModelVerdicts {
  readonly ok: boolean
  readonly models: ReadonlyArray<{ name: string; ok: boolean; record: string; files: ReadonlyArray<{ path: string; status: string }> }>
}
interface AuditVerdict {
  readonly ok: boolean
  readonly problems: ReadonlyArray<{ where: string; what: string }>
}

describe('a bit that flips while the daemon is stopped', () => {
  let daemon: TestDaemon
  let token: string
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    folder = await temporaryFolder()
    daemon = await TestDaemon.start()
    await using owner = await daemon.connect()
    for (const name of ['first', 'second']) {
      const path = join(folder.path, name)
      await mkdir(path)
      await writeFile(join(path, 'model.onnx'), identityModel(name === 'first' ? 'float32' : 'int64'))
      await writeFile(join(path, 'vocab.txt'), `words of ${name}\n`.repeat(1000))
      await writeFile(join(path, 'LICENSE'), 'the same in both')
      await outputOf(owner.model.install({ reference: `file/${path}`, name }))
    }
    ;({ token } = await owner.capability.issue({ grants: [{ resource: 'system/echo', rights: ['invoke'], quota: { calls: 1000 } }] }))
    await using client = connectHttp({ url: daemon.url, token })
    for (let call = 0; call < 20; call++) await client.system.echo({ payload: call })
    await owner.audit.checkpoint()
  })
  after(async () => {
    await daemon?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  })

  const whileStopped = async (change: () => void): Promise<void> => {
    await daemon.stop()
    change()
    await daemon.start()
  }
  const sql = (work: (database: DatabaseSync) => void): void => {
    const database = new DatabaseSync(join(daemon.home, 'soma.sqlite'))
    work(database)
    database.close()
  }
  const verifyModels = async (): Promise<{ code: number | null } & ModelVerdicts> => {
    const { code, stdout, stderr } = await soma(daemon.home, 'model', 'verify', '--json')
    assert.notEqual(stdout, '', stderr)
    return { code, ...(JSON.parse(stdout) as ModelVerdicts) }
  }
  const verifyAudit = async (): Promise<{ code: number | null } & AuditVerdict> => {
    const { code, stdout, stderr } = await soma(daemon.home, 'audit', 'verify', '--json')
    assert.notEqual(stdout, '', stderr)
    return { code, ...(JSON.parse(stdout) as AuditVerdict) }
  }
  interface Cell {
    readonly table: string
    readonly column: string
    readonly row: string
    /** What the verdict calls it. */
    readonly name: RegExp
  }
  const record = (column: string, row: string, name: RegExp): Cell => ({ table: 'records', column, row, name })
  /** Flips a bit in each of these cells, looks, and puts them back. */
  const withFlips = async (cells: readonly Cell[], look: () => Promise<void> = async () => {}): Promise<void> => {
    const sound: string[] = []
    await whileStopped(() =>
      sql((database) => {
        for (const [index, { table, column, row }] of cells.entries()) {
          sound[index] = String(database.prepare(`SELECT ${column} AS cell FROM ${table} WHERE ${row}`).get()?.['cell'])
          database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${row}`).run(flipBit(sound[index]))
        }
      }),
    )
    const { code, problems } = await verifyAudit()
    assert.equal(code, 1)
    for (const { name } of cells)
      assert.ok(
        problems.some(({ where }) => name.test(where)),
        `${name.source} in ${JSON.stringify(problems)}`,
      )
    await look()
    const restore = (database: DatabaseSync): void => {
      for (const [index, { table, column, row }] of cells.entries())
        database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${row}`).run(sound[index] ?? '')
    }
    await whileStopped(() => sql(restore))
  }

  test('in a file of a model: the file is named, in every model that has it', async () => {
    const cases = [
      ['words of first\n'.repeat(1000), [['first', 'vocab.txt']]],
      [
        'the same in both',
        [
          ['first', 'LICENSE'],
          ['second', 'LICENSE'],
        ],
      ],
      [identityModel('int64'), [['second', 'model.onnx']]],
    ] as const
    for (const [content, expected] of cases) {
      const hex = createHash('sha256').update(content).digest('hex')
      const path = join(daemon.home, 'blobs', 'sha256', hex.slice(0, 2), hex)
      const sound = readFileSync(path)
      chmodSync(path, 0o600)
      const broken = Buffer.from(sound)
      const at = broken.length >> 1
      broken[at] = (broken[at] ?? 0) ^ 4
      await whileStopped(() => writeFileSync(path, broken))
      const { code, ok, models } = await verifyModels()
      const bad = models.flatMap(({ name, files }) =>
        files.filter(({ status }) => status === 'corrupt').map(({ path: file }) => [name, file]),
      )
      assert.deepEqual({ code, ok, bad }, { code: 1, ok: false, bad: expected })
      writeFileSync(path, sound)
      const text = await soma(daemon.home, 'model', 'verify')
      assert.equal(text.code, 0, text.stdout)
    }
  })

  for (const column of ['value', 'digest', 'blobs', 'checksum'])
    test(`in the ${column} of a record: it is named, the daemon starts, and what is sound works`, async () => {
      const cells = [
        record(column, "kind = 'package' AND key = 'first'", /^record package\/first$/),
        record(column, "kind = 'capability' AND value LIKE '%system/echo%'", /^record capability\/cap_/),
        record(column, "kind = 'token'", /^record token\/tok_/),
        record(column, "kind = 'quota'", /^record quota\/cap_/),
      ]
      await withFlips(column === 'blobs' ? cells.slice(0, 1) : cells, async () => {
        const { code, models } = await verifyModels()
        assert.equal(code, 1)
        assert.deepEqual(
          models.map(({ name, record: state }) => [name, state]),
          [
            ['first', 'corrupt'],
            ['second', 'ok'],
          ],
        )
        assert.match((await soma(daemon.home, 'model', 'show', 'first')).stderr, /store\/corrupt/)
        assert.equal((await soma(daemon.home, 'model', 'show', 'second')).code, 0)
        await using client = connectHttp({ url: daemon.url, token })
        if (column !== 'blobs') await refused(client.system.echo(), 'capability/unauthenticated')
      })
    })

  test('in entries of the audit log, a signed checkpoint or what says where the log ends: each is named', async () => {
    const entry = (column: string, seq: number): Cell => ({ table: 'log', column, row: `seq = ${seq}`, name: new RegExp(`^entry ${seq}$`) })
    const checkpoint = (column: string): Cell => ({ table: 'checkpoints', column, row: 'number = 1', name: /^checkpoint 1$/ })
    const head: Cell = { table: 'head', column: 'checksum', row: 'id = 1', name: /^head$/ }
    await withFlips([entry('body', 1), entry('body', 2), entry('hash', 7), entry('body', 12), checkpoint('ml_dsa65'), head])
    await withFlips([entry('hash', 1), checkpoint('ed25519')])
  })

  test('mended, everything verifies', async () => {
    assert.deepEqual((await verifyAudit()).problems, [])
    assert.equal((await verifyModels()).ok, true)
  })

  test('anywhere in the database file: it is found by verifying, or at the start, or hit bytes that hold nothing', async () => {
    await daemon.stop()
    const path = join(daemon.home, 'soma.sqlite')
    const sound = readFileSync(path)
    let found = 0
    for (let flip = 0; flip < 6; flip++) {
      const broken = Buffer.from(sound)
      const at = Math.floor((sound.length * (flip + 0.5)) / 6)
      broken[at] = (broken[at] ?? 0) ^ (1 << (flip % 8))
      writeFileSync(path, broken)
      const refusal = await daemon.start().then(
        () => '',
        (error: Error) => error.message,
      )
      if (refusal === '') found += (await verifyAudit()).code ?? 0
      else assert.match(refusal, /soma\.sqlite is corrupt[^]*store\/corrupt/)
      await daemon.stop()
    }
    writeFileSync(path, sound)
    await daemon.start()
    assert.ok(found > 0)
    // That file is older than the log's other witnesses now: putting back a database is found, too.
    assert.ok((await verifyAudit()).problems.some(({ where }) => where === 'head'))
  })
})

const DISK_MIB = 96

test('a full disk: nothing is half-installed, its space is free again, the daemon goes on, and installs when there is room', async (t) => {
  await using folder = await temporaryFolder()
  const disk = join(folder.path, 'disk')
  await mkdir(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'none', disk])
  if (mounted.status !== 0) return t.skip(`no small disk can be mounted here: ${String(mounted.stderr ?? mounted.error).trim()}`)
  try {
    await using daemon = await TestDaemon.start(join(disk, 'home'))
    await using server = await endlessServer()
    await using owner = await daemon.connect()
    const reference = await echoModel(join(folder.path, 'small'), randomBytes(MIB))
    await outputOf(owner.model.install({ reference, name: 'small' }))
    const usedBytes = (): number => statfsSync(disk).bsize * (statfsSync(disk).blocks - statfsSync(disk).bfree)
    const before = usedBytes()
    const nothingIsLeft = async (): Promise<void> => {
      assert.deepEqual(
        (await owner.model.list()).models.map(({ name }) => name),
        ['small'],
      )
      assert.equal((await owner.system.status()).disk.blobs, 2)
      await until(() => usedBytes() < before + MIB, `${usedBytes() - before} bytes are free again`)
      for (const name of ['tmp', 'partials']) assert.deepEqual(readdirSync(join(daemon.home, name)), [], name)
    }

    // A server that does not say how much it sends, a file of this machine, and an archive that unpacks to more than there is.
    const big = join(folder.path, 'big')
    const bytes = randomBytes((DISK_MIB + 4) * MIB)
    await echoModel(big)
    await writeFile(join(big, 'weights.onnx'), bytes)
    await writeFile(
      join(folder.path, 'big.zip'),
      zipOf({ 'model.echo': '{}', 'a.onnx': bytes.subarray(0, 50 * MIB), 'b.onnx': bytes.subarray(50 * MIB) }),
    )
    for (const from of [`url/${server.origin}/model.echo`, `file/${big}`, `file/${join(folder.path, 'big.zip')}`]) {
      const { retryable } = await refused(
        outputOf(owner.model.install({ reference: from, name: 'big', include: ['**'] })),
        'store/disk-full',
      )
      assert.equal(retryable, true)
      await nothingIsLeft()
    }
    // What says how large it is is refused before a byte is fetched.
    await refused(
      outputOf(owner.model.install({ reference: `url/${server.origin}/large.echo`, name: 'big' })),
      'store/disk-full',
      /needs \d+ bytes of disk; \d+ are free/,
    )

    // Not a byte is left for anybody: what changes nothing works, what changes something says why it cannot.
    const ballast = openSync(join(disk, 'ballast'), 'w')
    fill(ballast)
    const one = [{ name: 'int8', dtype: 'int8', values: [1] }] as const
    for (let call = 0; call < 200; call++) await owner.system.echo({ payload: call })
    await refused(owner.capability.issue({ grants: [{ resource: 'model/*', rights: ['invoke'] }] }), 'store/disk-full')
    await refused(owner.model.remove({ model: 'small' }), 'store/disk-full')
    await refused(owner.model.infer({ model: 'small', inputs: one }), 'store/disk-full')
    assert.equal((await soma(daemon.home, 'status')).code, 0)
    ftruncateSync(ballast, 0)
    closeSync(ballast)

    const { holder } = await owner.capability.issue({ grants: [{ resource: 'model/*', rights: ['invoke'] }] })
    await outputOf(owner.model.install({ reference: await echoModel(join(folder.path, 'other'), randomBytes(8 * MIB)), name: 'other' }))
    assert.equal((await owner.model.infer({ model: 'other', inputs: one })).outputs.length, 1)
    await daemon.kill()
    await daemon.start()
    await using again = await daemon.connect()
    assert.deepEqual(
      (await again.model.list()).models.map(({ name }) => name),
      ['other', 'small'],
    )
    assert.ok((await again.capability.list({ holder })).capabilities.length === 1)
    const { ok, problems } = await again.audit.verify()
    assert.ok(ok, JSON.stringify(problems))
  } finally {
    spawnSync('umount', [disk])
  }
})

/** Takes every byte that is left. */
function fill(file: number): void {
  for (let size = MIB; size >= 1; size = size >> 1)
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch {
      // No room for that much: less may still fit.
    }
}

/** Serves bytes without end and without saying how many, except for `/large.echo`, which says so. */
async function endlessServer(): Promise<AsyncDisposable & { readonly origin: string }> {
  const block = randomBytes(MIB)
  const server = createServer((request, response) => {
    if (request.url === '/large.echo') {
      response.writeHead(200, { 'content-length': 10_000 * MIB }).flushHeaders()
      return
    }
    const more = (): void => {
      while (!response.destroyed && response.write(block));
    }
    response.on('drain', more).on('error', () => undefined)
    more()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close().closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** The lowest bit of a letter in the middle: still text. */
function flipBit(text: string): string {
  const at = text.length >> 1
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1)
}
