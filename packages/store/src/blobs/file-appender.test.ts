import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { BLOB_CHUNK_BYTES, SYNC_EVERY_BYTES } from '../limits.ts'
import { FileAppender, createHashes } from './file-appender.ts'

const MIB = BLOB_CHUNK_BYTES

/** A file in memory that writes at most `bytesAtOnce`, and counts and fails as told. */
class FakeFile {
  readonly contents = Buffer.alloc(4 * MIB)
  readonly bytesAtOnce: number
  datasyncs = 0
  writing = 0
  writingMax = 0
  failWriteAt = Infinity
  failDatasync = false

  constructor(bytesAtOnce = Infinity) {
    this.bytesAtOnce = bytesAtOnce
  }

  async write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }> {
    this.writingMax = Math.max(this.writingMax, ++this.writing)
    await new Promise((resolve) => setImmediate(resolve))
    this.writing--
    if (position >= this.failWriteAt) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    const bytesWritten = Math.min(length, this.bytesAtOnce)
    if (position < this.contents.length) this.contents.set(buffer.subarray(offset, offset + bytesWritten), position)
    return { bytesWritten }
  }

  async datasync(): Promise<void> {
    this.datasyncs++
    if (this.failDatasync) throw new Error('the disk is gone')
  }

  async sync(): Promise<void> {}

  appender(): FileAppender {
    return new FileAppender(this as unknown as FileHandle, { position: 0, hashes: createHashes(['sha256']) })
  }
}

test('writes that the system cuts short are finished, one at a time', async () => {
  const file = new FakeFile(300_000)
  const appender = file.appender()
  const whole = Buffer.alloc(3 * MIB + 12_345, 'soma')
  for (let begin = 0; begin < whole.length; begin += 70_000) await appender.append(whole.subarray(begin, begin + 70_000))
  await appender.flush()
  assert.ok(file.contents.subarray(0, whole.length).equals(whole))
  assert.equal(appender.digest('sha256'), hash('sha256', whole))
  assert.equal(appender.digest('sha1'), undefined)
  assert.equal(file.writingMax, 1)
})

test('after a failed write every further use fails, and the file is a prefix', async () => {
  const file = new FakeFile()
  file.failWriteAt = MIB
  const appender = file.appender()
  await assert.rejects(
    async () => {
      for (let count = 0; count < 10; count++) await appender.append(Buffer.alloc(MIB / 2, count))
    },
    { code: 'ENOSPC' },
  )
  await assert.rejects(appender.append(Buffer.alloc(1)), { code: 'ENOSPC' })
  await assert.rejects(appender.flush(), { code: 'ENOSPC' })
  await appender.idle()
  assert.ok(file.contents.subarray(0, MIB).equals(Buffer.concat([Buffer.alloc(MIB / 2, 0), Buffer.alloc(MIB / 2, 1)])))
})

test('a long file is synced on the way, and a sync that fails is not lost', async () => {
  const chunk = Buffer.alloc(MIB)
  const file = new FakeFile()
  const appender = file.appender()
  for (let written = 0; written < 2 * SYNC_EVERY_BYTES; written += MIB) await appender.append(chunk)
  await appender.sync()
  assert.equal(file.datasyncs, 2)
  const broken = new FakeFile()
  broken.failDatasync = true
  const failing = broken.appender()
  await assert.rejects(async () => {
    for (let written = 0; written < SYNC_EVERY_BYTES; written += MIB) await failing.append(chunk)
    await failing.sync()
  }, /the disk is gone/)
})

test('a real file has what was appended, after what was there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'soma-appender-'))
  try {
    await using handle = await open(join(folder, 'file'), 'w+')
    await handle.write('begin ')
    const hashes = createHashes(['sha256'])
    hashes.get('sha256')?.update('begin ')
    const appender = new FileAppender(handle, { position: 6, hashes })
    await appender.append(Buffer.from('end'))
    assert.equal(appender.sizeBytes, 9)
    await appender.sync()
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'begin end')
    assert.equal(appender.digest('sha256'), hash('sha256', 'begin end'))
  } finally {
    await rm(folder, { recursive: true })
  }
})
