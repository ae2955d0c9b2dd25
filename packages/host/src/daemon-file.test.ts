import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readDaemonFile, removeDaemonFile, writeDaemonFile } from './daemon-file.ts'
import { diskSpace } from './disk.ts'
import { isProcessAlive } from './process-alive.ts'

const folder = mkdtempSync(join(tmpdir(), 'soma-daemon-file-'))
const path = join(folder, 'daemon.json')
const info = { pid: process.pid, version: '0.1.0', startedAt: 1, faces: [{ kind: 'ipc', address: '/x' }] }

test('the daemon file is read as written, is private, and is removed only by its owner', (t) => {
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(readDaemonFile(path), undefined)
  writeDaemonFile(path, info)
  assert.deepEqual(readDaemonFile(path), info)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  removeDaemonFile(path, process.pid + 1)
  assert.ok(readDaemonFile(path))
  removeDaemonFile(path, process.pid)
  assert.equal(readDaemonFile(path), undefined)
  for (const text of ['', '{', '{"pid":-1}', `"${'x'.repeat(100_000)}"`]) {
    writeFileSync(path, text)
    assert.equal(readDaemonFile(path), undefined)
  }
})

test('this process is alive, and no process has the largest pid', () => {
  assert.equal(isProcessAlive(process.pid), true)
  assert.equal(isProcessAlive(2 ** 22 + 1), false)
})

test('disk space is found for a path that does not exist yet', async () => {
  const { freeBytes, totalBytes } = await diskSpace(join(tmpdir(), 'no', 'such', 'folder'))
  assert.ok(freeBytes > 0 && totalBytes >= freeBytes)
})
