import assert from 'node:assert/strict'
import { generateKeyPairSync, verify } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { isSomaError } from '@soma/core'
import { type LogProblem, type Store, createCheckpointVerifier } from '../index.ts'
import { PROBLEMS_MAX } from '../limits.ts'
import { TestStore, flipBit, flipBitOf } from '../test-store.ts'
import { chainHash, linkChecksum } from './chain.ts'

const body = (number: number): string => JSON.stringify({ number, text: 'ünïcode 🎉' })

async function storeWith(entries: number, checkpointsAt: readonly number[] = []): Promise<TestStore> {
  const test = await TestStore.create()
  for (let number = 1; number <= entries; number++) {
    test.store.commit({ entries: [body(number)] })
    if (checkpointsAt.includes(number)) test.store.log.checkpoint()
  }
  return test
}

async function problemsOf(store: Store): Promise<readonly LogProblem[]> {
  return (await store.log.verify()).problems
}
const places = (problems: readonly LogProblem[]): string[] => problems.map(({ where }) => where)

test('a sound log has no problems; each entry is visited once, in order', async () => {
  await using test = await storeWith(150, [0, 70, 150])
  const seqs: number[] = []
  const verdict = await test.store.log.verify((entry) => seqs.push(entry.seq))
  assert.deepEqual(verdict, { entries: 150, checkpoints: 2, problems: [] })
  assert.deepEqual(
    seqs,
    Array.from({ length: 150 }, (_, index) => index + 1),
  )
  assert.deepEqual(
    test.store.log.last(3).map(({ seq }) => seq),
    [148, 149, 150],
  )
  assert.deepEqual(test.store.log.last(1)[0]?.hash, test.store.log.head.hash)
})

test('an empty log is sound, and its checkpoint too', async () => {
  await using test = await TestStore.create()
  assert.deepEqual(test.store.log.head, { seq: 0, hash: '0'.repeat(64) })
  test.store.log.checkpoint()
  assert.deepEqual(await test.store.log.verify(), { entries: 0, checkpoints: 1, problems: [] })
  assert.deepEqual(await problemsOf(await test.reopen()), [])
})

test('any flipped bit of a body or a hash is found, and the entry named, and no other', async () => {
  await using test = await storeWith(9, [4])
  const rows = test.store.log.read({ afterSeq: 0, limit: 9 })
  let bit = 0
  for (const { seq, body, hash } of rows)
    for (const [column, text] of [
      ['body', body],
      ['hash', hash],
    ] as const)
      for (let flips = 0; flips < 2; flips++, bit += 61) {
        const store = await test.tamper(`UPDATE log SET ${column} = ? WHERE seq = ?`, flipBit(text, bit), seq)
        const problems = places(await problemsOf(store))
        // The last hash is also what the head says, and the fourth one what the checkpoint says.
        const expected = [
          ...(seq === 9 && column === 'hash' ? ['head'] : []),
          `entry ${seq}`,
          ...(seq === 4 && column === 'hash' ? ['checkpoint 1'] : []),
        ]
        assert.deepEqual([...new Set(problems)], expected, `bit ${bit} of ${column} ${seq}`)
        await test.tamper(`UPDATE log SET ${column} = ? WHERE seq = ?`, text, seq)
      }
  assert.deepEqual(await problemsOf(test.store), [])
})

test('removed, moved and foreign entries are named', async () => {
  await using test = await storeWith(30)
  assert.deepEqual(await problemsOf(await test.tamper('DELETE FROM log WHERE seq = 7')), [{ where: 'entry 7', what: 'missing' }])
  assert.deepEqual(await problemsOf(await test.tamper('DELETE FROM log WHERE seq BETWEEN 10 AND 12')), [
    { where: 'entry 7', what: 'missing' },
    { where: 'entries 10–12', what: 'missing' },
  ])
  const swapped = await test.tamper('UPDATE log SET body = (SELECT body FROM log WHERE seq = 20) WHERE seq = 21')
  assert.deepEqual(places(await problemsOf(swapped)).slice(2), ['entry 21'])
  const typed = await test.tamper("UPDATE log SET hash = CAST(x'00ff' AS TEXT) WHERE seq = 25")
  assert.deepEqual(places(await problemsOf(typed)).slice(3), ['entry 25'])
  assert.throws(
    () => typed.log.read({ afterSeq: 24, limit: 1 }),
    (error) => isSomaError(error, 'store/corrupt') && /entry 25/.test(error.message),
  )
})

test('a rewritten entry with a matching hash is found by the one that follows', async () => {
  await using test = await storeWith(5)
  const [, second] = test.store.log.read({ afterSeq: 0, limit: 2 })
  const forged = JSON.stringify({ forged: true })
  const first = test.store.log.read({ afterSeq: 0, limit: 1 })[0]
  const store = await test.tamper('UPDATE log SET body = ?, hash = ? WHERE seq = 2', forged, chainHash(first?.hash ?? '', forged))
  assert.ok(second)
  assert.deepEqual(places(await problemsOf(store)), ['entry 3'])
})

test('a cut tail is found, at once and after the log has gone on', async () => {
  await using test = await storeWith(20)
  const store = await test.tamper('DELETE FROM log WHERE seq > 15')
  assert.deepEqual(places(await problemsOf(store)), ['head', 'entries 16–20'])
  assert.equal(store.log.head.seq, 20)
  store.commit({ entries: [body(21)] })
  assert.deepEqual(places(await problemsOf(store)), ['head', 'entries 16–20'])
  assert.deepEqual(places(await problemsOf(await test.reopen())), ['entries 16–20'])
})

test('a cut tail is found when the head row was made to match', async () => {
  await using test = await storeWith(20)
  const fifteenth = test.store.log.read({ afterSeq: 14, limit: 1 })[0]
  test.close()
  const link = { seq: 15, hash: fifteenth?.hash ?? '' }
  await test.tamper('DELETE FROM log WHERE seq > 15')
  test.close()
  const store = await test.tamper('UPDATE head SET seq = 15, hash = ?, checksum = ?', link.hash, linkChecksum(link))
  assert.deepEqual([...new Set(places(await problemsOf(store)))], ['head', 'entries 16–20'])
  assert.ok(test.complaints.some((text) => text.includes('end is damaged')))
})

test('an older copy of the database is found by the witness beside it', async () => {
  await using test = await storeWith(10)
  test.close()
  const older = readFileSync(test.path('soma.sqlite'))
  await test.open()
  test.store.commit({ entries: [body(11), body(12)] })
  test.close()
  writeFileSync(test.path('soma.sqlite'), older)
  const store = await test.open()
  assert.deepEqual([...new Set(places(await problemsOf(store)))], ['head', 'entries 11–12'])
  assert.equal(store.log.head.seq, 12)
})

test('an older copy of everything but the checkpoints is found by them', async () => {
  await using test = await storeWith(10)
  test.close()
  const older = [readFileSync(test.path('soma.sqlite')), readFileSync(test.path('log', 'head'))] as const
  await test.open()
  test.store.commit({ entries: [body(11), body(12)] })
  test.store.log.checkpoint()
  test.close()
  writeFileSync(test.path('soma.sqlite'), older[0])
  writeFileSync(test.path('log', 'head'), older[1])
  const problems = await problemsOf(await test.open())
  assert.deepEqual(problems, [{ where: 'checkpoint 1', what: 'was signed for a log of 12 entries, which now ends at 10' }])
})

test('a history that was written anew is a fork of the signed one', async () => {
  await using test = await storeWith(10, [8])
  let { hash } = test.store.log.read({ afterSeq: 4, limit: 1 })[0] ?? { hash: '' }
  for (let seq = 6; seq <= 10; seq++) {
    hash = chainHash(hash, body(seq + 100))
    await test.tamper('UPDATE log SET body = ?, hash = ? WHERE seq = ?', body(seq + 100), hash, seq)
  }
  rmSync(test.path('log', 'head'))
  const store = await test.tamper('UPDATE head SET hash = ?, checksum = ?', hash, linkChecksum({ seq: 10, hash }))
  const problems = await problemsOf(store)
  assert.deepEqual(places(problems), ['checkpoint 1'])
  assert.match(problems[0]?.what ?? '', /forked/)
})

test('a last entry that was rewritten together with the head row is found by the witness beside them', async () => {
  await using test = await storeWith(10)
  const ninth = test.store.log.read({ afterSeq: 8, limit: 1 })[0]
  const hash = chainHash(ninth?.hash ?? '', body(100))
  await test.tamper('UPDATE log SET body = ?, hash = ? WHERE seq = 10', body(100), hash)
  const store = await test.tamper('UPDATE head SET hash = ?, checksum = ?', hash, linkChecksum({ seq: 10, hash }))
  const problems = await problemsOf(store)
  assert.deepEqual(places(problems), ['head'])
  assert.match(problems[0]?.what ?? '', /^log\/head is entry 10/)
})

test('any change of the head row is found', async () => {
  await using test = await storeWith(5)
  const { hash } = test.store.log.head
  const checkHead = async (store: Store) => assert.deepEqual([...new Set(places(await problemsOf(store)))], ['head'])
  await checkHead(await test.tamper('UPDATE head SET seq = 7'))
  await checkHead(await test.tamper('UPDATE head SET seq = 5, hash = ?', flipBit(hash, 9)))
  await checkHead(await test.tamper('DELETE FROM head'))
  test.store.commit({ entries: [body(6)] })
  assert.deepEqual(await problemsOf(await test.reopen()), [])
})

test('a damaged witness is found, a missing one is written again', async () => {
  await using test = await storeWith(5)
  test.close()
  const path = test.path('log', 'head')
  const sound = readFileSync(path, 'latin1')
  for (const damaged of [sound.slice(0, 40), `${sound}x`, sound.replace('5 ', '6 '), flipBit(sound, 8 * (sound.length - 1)), 'garbage']) {
    writeFileSync(path, damaged, 'latin1')
    assert.deepEqual(await problemsOf(await test.open()), [{ where: 'head', what: 'log/head is unreadable' }], damaged)
    test.close()
  }
  rmSync(path)
  assert.deepEqual(await problemsOf(await test.open()), [])
  test.store.commit({ entries: [body(6)] })
  assert.equal(readFileSync(path, 'latin1').slice(0, 17), '0000000000000006 ')
})

test('a checkpoint is signed twice over, and anybody with the public keys can check it', async () => {
  await using test = await storeWith(3)
  const { log } = test.store
  const checkpoint = log.checkpoint()
  assert.deepEqual({ seq: checkpoint.seq, hash: checkpoint.hash, at: checkpoint.at }, { ...log.head, at: test.clock.now() })
  const check = createCheckpointVerifier(log.publicKeys)
  assert.deepEqual(check(checkpoint), [])
  for (const forged of [
    { ...checkpoint, seq: 4 },
    { ...checkpoint, hash: flipBit(checkpoint.hash, 3) },
    { ...checkpoint, at: 1 },
  ])
    assert.deepEqual(check(forged), ['Ed25519', 'ML-DSA-65'])
  assert.deepEqual(check({ ...checkpoint, ed25519: '' }), ['Ed25519'])
  assert.deepEqual(check({ ...checkpoint, mlDsa65: checkpoint.ed25519 }), ['ML-DSA-65'])
  assert.throws(
    () => createCheckpointVerifier({ ...log.publicKeys, mlDsa65: 'AAAA' }),
    (error) => isSomaError(error, 'call/malformed'),
  )
  const exported: unknown = JSON.parse(readFileSync(test.path('log', 'checkpoints.jsonl'), 'utf8'))
  assert.deepEqual(exported, { ...checkpoint, number: 1 })
})

test('any change of a checkpoint, in either place that keeps it, is found and named', async () => {
  await using test = await storeWith(6, [2, 4, 6])
  const path = test.path('log', 'checkpoints.jsonl')
  const text = readFileSync(path, 'utf8')
  for (let bit = 3; bit < text.length * 8; bit += 4001) {
    test.close()
    writeFileSync(path, flipBitOf(Buffer.from(text), bit))
    const number = text.slice(0, Math.floor(bit / 8)).split('\n').length
    assert.deepEqual(places(await problemsOf(await test.open())), [`checkpoint ${number}`], `bit ${bit}`)
  }
  writeFileSync(path, text)
  const columns = [
    'seq = 3',
    "hash = replace(hash, substr(hash, 1, 1), 'x')",
    'at = at + 1',
    "ed25519 = 'AAAA'",
    "ml_dsa65 = 'AAAA'",
    'position = 0',
  ]
  for (const column of columns) {
    await test.reopen()
    test.close()
    const before = readFileSync(test.path('soma.sqlite'))
    const store = await test.tamper(`UPDATE checkpoints SET ${column} WHERE number = 2`)
    assert.deepEqual([...new Set(places(await problemsOf(store)))].slice(0, 1), ['checkpoint 2'], column)
    test.close()
    writeFileSync(test.path('soma.sqlite'), before)
    await test.open()
  }
  const removed = await test.tamper('DELETE FROM checkpoints WHERE number = 2')
  assert.ok(places(await problemsOf(removed)).includes('checkpoint 2'))
})

test('a checkpoint that was changed in both places alike does not bear its signatures', async () => {
  await using test = await storeWith(3)
  const { at } = test.store.log.checkpoint()
  const path = test.path('log', 'checkpoints.jsonl')
  const forged = readFileSync(path, 'utf8').replace(`"at":${at}`, `"at":${at + 1}`)
  writeFileSync(path, forged)
  const store = await test.tamper('UPDATE checkpoints SET at = at + 1')
  assert.deepEqual(await problemsOf(store), [
    { where: 'checkpoint 1', what: 'its Ed25519 signature does not hold' },
    { where: 'checkpoint 1', what: 'its ML-DSA-65 signature does not hold' },
  ])
})

test('bytes lost from or added to the exported checkpoints are found', async () => {
  await using test = await storeWith(4, [2, 4])
  const path = test.path('log', 'checkpoints.jsonl')
  const text = readFileSync(path, 'utf8')
  truncateSync(path, text.indexOf('\n') + 1)
  assert.deepEqual(places(await problemsOf(await test.reopen())), ['checkpoint 2', 'log/checkpoints.jsonl'])
  writeFileSync(path, `${text}{"not":"ours"}\n`)
  assert.deepEqual(places(await problemsOf(await test.reopen())), ['log/checkpoints.jsonl'])
  writeFileSync(path, text + 'x'.repeat(20_000))
  assert.deepEqual(places(await problemsOf(await test.reopen())), ['log/checkpoints.jsonl'])
})

test('a crash between the file and the database loses no checkpoint, and a torn line is cut off', async () => {
  await using test = await storeWith(4, [2, 4])
  const path = test.path('log', 'checkpoints.jsonl')
  const text = readFileSync(path, 'utf8')
  const store = await test.tamper('DELETE FROM checkpoints WHERE number = 2')
  assert.deepEqual(await store.log.verify(), { entries: 4, checkpoints: 2, problems: [] })
  test.close()
  appendFileSync(path, text.slice(0, 100))
  await test.open()
  assert.equal(statSync(path).size, text.length)
  assert.deepEqual(test.complaints, ['an unfinished checkpoint is removed'])
  test.store.log.checkpoint()
  assert.deepEqual(await test.store.log.verify(), { entries: 4, checkpoints: 3, problems: [] })
})

test('a damaged, foreign or missing key is named, and keys are made only once', async () => {
  await using test = await storeWith(1, [1])
  const { publicKeys } = test.store.log
  assert.deepEqual((await test.reopen()).log.publicKeys, publicKeys)
  test.close()
  for (const [name, other] of [
    ['ed25519', 'ml-dsa-65'],
    ['ml-dsa-65', 'ed25519'],
  ] as const) {
    const path = test.path('keys', `${name}.pem`)
    const pem = readFileSync(path, 'utf8')
    const { privateKey } = name === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-65')
    const bad = [
      pem.slice(0, 50),
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
      readFileSync(test.path('keys', `${other}.pem`)),
      'x'.repeat(20_000),
    ]
    for (const text of bad) {
      writeFileSync(path, text)
      await assert.rejects(test.open(), (error) => isSomaError(error, 'store/corrupt') && error.message.includes(path))
    }
    rmSync(path)
    await assert.rejects(test.open(), (error) => isSomaError(error, 'store/corrupt') && /missing/.test(error.message))
    writeFileSync(path, pem)
  }
  const { log } = await test.open()
  const raw = Buffer.from(log.publicKeys.ed25519, 'base64url')
  assert.equal(raw.length, 32)
  const message = Buffer.from(`soma-log-checkpoint-v1\n{"at":${test.clock.now()},"hash":"${log.head.hash}","seq":1}`)
  const key = { key: { kty: 'OKP', crv: 'Ed25519', x: log.publicKeys.ed25519 }, format: 'jwk' } as const
  assert.ok(verify(null, message, key, Buffer.from(log.checkpoint().ed25519, 'base64url')))
})

test('a verification reports a bounded number of problems, lets others work, and can be aborted', async () => {
  await using test = await TestStore.create()
  test.store.commit({ entries: Array.from({ length: 5000 }, (_, index) => body(index)) })
  await test.tamper("UPDATE log SET body = 'garbage' WHERE seq % 3 = 0")
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  const verifying = test.store.log.verify()
  test.store.commit({ entries: [body(1)] })
  test.store.log.checkpoint()
  const { problems } = await verifying
  clearInterval(timer)
  assert.equal(problems.length, PROBLEMS_MAX)
  assert.equal(problems[0]?.where, 'entry 3')
  await assert.rejects(test.store.log.verify(undefined, { signal: AbortSignal.abort() }), (error) => isSomaError(error, 'call/cancelled'))
})

test('a log may grow and be signed while it is verified', async () => {
  await using test = await TestStore.create()
  test.store.commit({ entries: Array.from({ length: 3000 }, (_, index) => body(index)) })
  test.store.log.checkpoint()
  const verifying = test.store.log.verify()
  test.store.commit({ entries: [body(1), body(2)] })
  test.store.log.checkpoint()
  assert.deepEqual(await verifying, { entries: 3000, checkpoints: 1, problems: [] })
  assert.deepEqual(await test.store.log.verify(), { entries: 3002, checkpoints: 2, problems: [] })
})
