import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import test from 'node:test'
import { isSomaError } from '@soma/core'
import { startProcess } from '../test-process.ts'
import { TestStore } from '../test-store.ts'
import { migrations } from './migrations.ts'
import { isSqliteError, translateSqliteError } from './sqlite-error.ts'

const corrupt = (name: string) => (error: unknown) => isSomaError(error, 'store/corrupt') && error.message.includes(name)

test('a second process is told that the store is held, and gets it when the first is killed', async () => {
  await using test = await TestStore.create()
  test.close()
  await using holder = startProcess('hold', test.directory)
  await holder.said(1)
  assert.deepEqual(holder.lines, ['held'])
  await using second = startProcess('hold', test.directory)
  await second.said(1)
  assert.deepEqual(second.lines, ['failed store/locked'])
  await assert.rejects(test.open(), (error) => isSomaError(error, 'store/locked') && error.message.includes(test.path('soma.sqlite')))
  await holder.kill()
  const store = await test.open()
  store.commit({ entries: ['{}'] })
})

test('the same process cannot open a store twice, and the failed attempt does not give up the lock', async () => {
  await using test = await TestStore.create()
  const { store } = test
  await assert.rejects(test.open(), (error) => isSomaError(error, 'store/locked'))
  await using other = startProcess('hold', test.directory)
  await other.said(1)
  assert.deepEqual(other.lines, ['failed store/locked'])
  store[Symbol.dispose]()
  store[Symbol.dispose]()
})

test('only the owner may read what is there', async () => {
  await using test = await TestStore.create()
  const mode = (...names: string[]) => (statSync(test.path(...names)).mode & 0o777).toString(8)
  for (const folder of ['', 'blobs', 'partials', 'keys', 'log', 'tmp']) assert.equal(mode(folder), '700', folder)
  for (const file of ['soma.sqlite', 'soma.sqlite-wal', 'keys/ed25519.pem', 'keys/ml-dsa-65.pem', 'log/head', 'log/checkpoints.jsonl'])
    assert.equal(mode(file), '600', file)
})

test('data of a newer Soma is left alone', async () => {
  await using test = await TestStore.create()
  await assert.rejects(
    test.tamper(`PRAGMA user_version=${migrations.length + 1}`),
    (error) => isSomaError(error, 'store/newer-schema') && error.details['version'] === migrations.length + 1,
  )
})

test('a file that is no database, not ours, or has lost its tables is corrupt, by name', async () => {
  await using test = await TestStore.create()
  await assert.rejects(test.tamper('PRAGMA application_id=1'), corrupt('soma.sqlite'))
  await assert.rejects(test.tamper('PRAGMA user_version=0'), corrupt('soma.sqlite'))
  writeFileSync(test.path('soma.sqlite'), 'not a database, but long enough to be looked at '.repeat(100))
  await assert.rejects(test.open(), corrupt('soma.sqlite'))
  await rm(test.path('soma.sqlite'))
  const other = new DatabaseSync(test.path('soma.sqlite'))
  other.exec('PRAGMA application_id=0x736f6d61; PRAGMA user_version=1; CREATE TABLE records (id INTEGER PRIMARY KEY)')
  other.close()
  await assert.rejects(test.open(), corrupt('soma.sqlite'))
})

test('a data directory that cannot be one is reported as it is', async () => {
  await using test = await TestStore.create()
  test.close()
  await rm(test.path('soma.sqlite'))
  await mkdir(test.path('soma.sqlite'))
  await assert.rejects(test.open(), /unable to open database file/)
  assert.ok(!existsSync(test.path('soma.sqlite-wal')))
})

test('errors that are not SQLite’s pass as they are', () => {
  const error = new Error('other')
  assert.equal(translateSqliteError(error, 'p'), error)
  assert.equal(translateSqliteError('text', 'p'), 'text')
  assert.equal(isSqliteError('text'), false)
  const unknown = Object.assign(new Error('no code'), { code: 'ERR_SQLITE_ERROR' })
  assert.equal(translateSqliteError(unknown, 'p'), unknown)
  assert.ok(corrupt('p')(translateSqliteError(Object.assign(new Error('too large'), { code: 'ERR_OUT_OF_RANGE' }), 'p')))
})
