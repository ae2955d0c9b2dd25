import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { preAuthEncoding, readBundle, writeBundle } from './bundle.ts'
import { type Judgement, judge } from './judge.ts'
import { type KnownKey, createKeyRing } from './key-ring.ts'
import { openSigningKey } from './private-keys.ts'
import { readPublicKeys } from './public-keys.ts'
import { signFiles } from './sign-model.ts'
import { readStatement, writeStatement } from './statement.ts'
import { TestKeys, digestsOf } from './test-keys.ts'

const files = digestsOf({ 'manifest.yaml': 'kind: Model', 'model.onnx': 'weights', 'vocab/tokens.txt': 'a b c' })
const nothing = (): boolean => false

function judged(
  bundles: Readonly<Record<string, string>>,
  keys: readonly KnownKey[],
  found: ReadonlyMap<string, string> = files,
): Judgement {
  return judge(Object.values(bundles), { files: found, mayLack: nothing }, createKeyRing(keys))
}

function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8')
}

describe('a signature', () => {
  it('holds over the files it was made over, by both halves of a trusted key', () => {
    using keys = new TestKeys()
    const key = keys.create('me')
    const bundles = signFiles(key.signing, 'ocr', files)
    assert.deepEqual(Object.keys(bundles), ['model.sig', 'model.ml-dsa-65.sig'])
    const { status, signers } = judged(bundles, [key])
    assert.equal(status, 'ok')
    assert.deepEqual(
      signers.map(({ name, algorithm, trusted, keyId }) => [name, algorithm, trusted, keyId === key.id]),
      [
        ['me', 'ed25519', true, true],
        ['me', 'ml-dsa-65', true, true],
      ],
    )
  })

  it('is over the bytes that DSSE says, computed here by hand', () => {
    assert.equal(preAuthEncoding(Buffer.from('{"ü":1}')).toString(), 'DSSEv1 28 application/vnd.in-toto+json 8 {"ü":1}')
    using keys = new TestKeys()
    const key = keys.create('me')
    const bundle = JSON.parse(signFiles(key.signing, 'ocr', files)['model.sig'] ?? '')
    assert.equal(bundle.mediaType, 'application/vnd.dev.sigstore.bundle.v0.3+json')
    assert.equal(bundle.dsseEnvelope.signatures.length, 1)
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64')
    const message = Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `), payload])
    const ed25519 = createPublicKey(key.pem)
    assert.equal(ed25519.asymmetricKeyType, 'ed25519')
    assert.ok(verify(null, message, ed25519, Buffer.from(bundle.dsseEnvelope.signatures[0].sig, 'base64')))
    const pem = ed25519.export({ type: 'spki', format: 'pem' })
    assert.equal(bundle.verificationMaterial.publicKey.hint, createHash('sha256').update(pem).digest('hex'))
  })

  it('states the files in the order of their code points, and one digest over all', () => {
    const mixed = digestsOf({ 'b/a': '1', 'b.a': '2', '￰': '3', 𐀀: '4' })
    const { subject, predicate } = JSON.parse(writeStatement('m', mixed, []).toString())
    assert.deepEqual(
      predicate.resources.map(({ name }: { name: string }) => name),
      ['b.a', 'b/a', '￰', '𐀀'],
    )
    const raw = predicate.resources.map(({ digest }: { digest: string }) => Buffer.from(digest, 'hex'))
    assert.equal(subject[0].digest.sha256, createHash('sha256').update(Buffer.concat(raw)).digest('hex'))
  })

  it('does not hold when a file was changed, added, removed, renamed or swapped with another', () => {
    using keys = new TestKeys()
    const key = keys.create('me')
    const bundles = signFiles(key.signing, 'ocr', files)
    const weights = files.get('model.onnx') ?? ''
    const vocabulary = files.get('vocab/tokens.txt') ?? ''
    const others: Record<string, Map<string, string>> = {
      changed: new Map([...files, ['model.onnx', 'f'.repeat(64)]]),
      manifest: new Map([...files, ['manifest.yaml', 'f'.repeat(64)]]),
      added: new Map([...files, ['extra.json', weights]]),
      removed: new Map([...files].filter(([path]) => path !== 'vocab/tokens.txt')),
      renamed: new Map([...files].map(([path, digest]) => [path.replace('vocab', 'Vocab'), digest])),
      swapped: new Map([...files, ['model.onnx', vocabulary], ['vocab/tokens.txt', weights]]),
    }
    for (const [what, found] of Object.entries(others)) {
      const { status, reason } = judged(bundles, [key], found)
      assert.equal(status, 'bad', what)
      assert.match(reason, /"/, what)
    }
  })

  it('by an unknown key or one that is not trusted vouches for nothing, but its files are compared all the same', () => {
    using keys = new TestKeys()
    const key = keys.create('me')
    const bundles = signFiles(key.signing, 'ocr', files)
    assert.equal(judged(bundles, []).status, 'untrusted')
    assert.match(judged(bundles, []).reason, /not known here/)
    assert.equal(judged(bundles, [{ ...key, trusted: false }]).status, 'untrusted')
    assert.equal(judged(bundles, [keys.create('other')]).status, 'untrusted')
    assert.equal(judged(bundles, [], new Map([...files, ['x', 'f'.repeat(64)]])).status, 'bad')
  })

  it('of a hybrid key is bad when one of its two halves is taken away or made by another key', () => {
    using keys = new TestKeys()
    const key = keys.create('me')
    const bundles = signFiles(key.signing, 'ocr', files)
    for (const name of Object.keys(bundles)) {
      const { status, reason } = judged({ one: bundles[name] ?? '' }, [key])
      assert.deepEqual([status, /is missing/.test(reason)], ['bad', true], name)
    }
    const other = signFiles(keys.create('other').signing, 'ocr', files)
    assert.equal(judged({ a: bundles['model.sig'] ?? '', b: other['model.ml-dsa-65.sig'] ?? '' }, [key]).status, 'bad')
  })

  it('claiming to be by a key that did not make it is bad', () => {
    using keys = new TestKeys()
    const [mine, theirs] = [keys.create('me', { algorithm: 'ecdsa-p256' }), keys.create('you', { algorithm: 'ecdsa-p256' })]
    const bundle = readBundle(signFiles(theirs.signing, 'ocr', files)['model.sig'] ?? '')
    assert.ok(bundle)
    const forged = writeBundle({ ...bundle, hint: mine.halves[0]?.hints[0] ?? '' })
    assert.equal(judged({ forged }, [mine, theirs]).status, 'bad')
  })

  it('with any bit of its file flipped is never taken for one over other files', () => {
    using keys = new TestKeys()
    const key = keys.create('me')
    const bundles = signFiles(key.signing, 'ocr', files)
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(bundles)), fc.nat(), fc.integer({ min: 0, max: 7 }), (name, at, bit) => {
        const bytes = Buffer.from(bundles[name] ?? '')
        const index = at % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit)
        const text = bytes.toString('latin1')
        const { status } = judged({ ...bundles, [name]: text }, [key])
        // What nothing vouches for, such as the signer's own name of the key, may change; what is signed may not.
        const [was, is] = [readBundle(bundles[name] ?? ''), readBundle(text)]
        const same =
          was &&
          is &&
          Buffer.compare(was.payload, is.payload) === 0 &&
          Buffer.compare(was.signature, is.signature) === 0 &&
          was.hint === is.hint
        assert.equal(status === 'ok', same === true)
      }),
      { numRuns: 1500 },
    )
  })

  it('holds over any set of files, and over no other', () => {
    using keys = new TestKeys()
    const key = keys.create('me', { algorithm: 'ecdsa-p256' })
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))
    const path = fc
      .string({ unit: fc.constantFrom('a', 'B', '.', '-', 'ü', '/'), minLength: 1, maxLength: 12 })
      .filter((text) => /^[^./][^/]*(\/[^./][^/]*)*$/.test(text))
    const sets = fc
      .uniqueArray(fc.tuple(path, digest), { selector: ([name]) => name, minLength: 1, maxLength: 20 })
      .map((rows) => new Map(rows))
    fc.assert(
      fc.property(sets, sets, (one, other) => {
        const bundles = signFiles(key.signing, 'm', one)
        assert.equal(judged(bundles, [key], one).status, 'ok')
        const equal = one.size === other.size && [...one].every(([name, value]) => other.get(name) === value)
        assert.equal(judged(bundles, [key], other).status === 'ok', equal)
      }),
      { numRuns: 200 },
    )
  })
})

describe('bundles of others', () => {
  const model = digestsOf({ 'model.onnx': 'weights', 'config.json': '{"a":1}', 'sub/vocab.txt': 'x' })

  it('made by the reference tool of OpenSSF Model Signing (1.1.1, P-256) hold', () => {
    const key = { ...readPublicKeys(fixture('model-signing-1.1.1.pub.pem')), name: 'theirs', trusted: true, canSign: false, createdAt: 0 }
    const bundle = fixture('model-signing-1.1.1.sig')
    assert.equal(judged({ bundle }, [key], model).status, 'ok')
    assert.equal(judged({ bundle }, [key], new Map([...model, ['config.json', 'f'.repeat(64)]])).status, 'bad')
    assert.equal(judged({ bundle }, [], model).status, 'untrusted')
    const old = JSON.parse(bundle)
    old.verificationMaterial.publicKey = {
      rawBytes: Buffer.from(fixture('model-signing-1.1.1.pub.pem')).toString('base64'),
      keyDetails: 'X',
    }
    assert.equal(judged({ bundle: JSON.stringify(old) }, [key], model).status, 'ok')
  })

  it('made with a certificate, or over pieces of files, are recognised and not believed', () => {
    const bundle = JSON.parse(fixture('model-signing-1.1.1.sig'))
    bundle.verificationMaterial = { certificate: { rawBytes: 'AAAA' }, tlogEntries: [{}] }
    const { status, reason, signers } = judged({ bundle: JSON.stringify(bundle) }, [], model)
    assert.deepEqual([status, signers[0]?.algorithm], ['untrusted', 'certificate'])
    assert.match(reason, /certificate, which is not checked here/)
    const shards = readStatement({
      ...JSON.parse(writeStatement('m', model, []).toString()),
      predicate: {
        resources: [{ name: 'a:0:1', digest: 'f'.repeat(64), algorithm: 'sha256' }],
        serialization: { method: 'shards', hash_type: 'sha256', shard_size: 1, allow_symlinks: false },
      },
    })
    assert.ok('kind' in shards && shards.kind === 'unsupported')
  })

  it('that are no bundles, or hold two signatures, an unsafe path, a path twice or a wrong digest of all, are bad', () => {
    using keys = new TestKeys()
    const key = keys.create('me', { algorithm: 'ecdsa-p256' })
    const text = signFiles(key.signing, 'm', files)['model.sig'] ?? ''
    const twice = JSON.parse(text)
    twice.dsseEnvelope.signatures.push(twice.dsseEnvelope.signatures[0])
    const deep = '['.repeat(100_000)
    for (const bundle of ['', '{}', 'null', deep, JSON.stringify(twice), text.replace('"sig":"', '"sig":" ')])
      assert.equal(judged({ bundle }, [key]).status, 'bad', bundle.slice(0, 40))
    const statements: ReadonlyArray<
      (statement: { subject: Array<{ digest: { sha256: string } }>; predicate: { resources: Array<{ name: string }> } }) => void
    > = [
      ({ predicate }) => (predicate.resources[0] = { ...predicate.resources[0], name: '../x' }),
      ({ predicate }) => predicate.resources.push(predicate.resources[0] ?? { name: '' }),
      ({ subject }) => (subject[0] = { ...subject[0], digest: { sha256: '0'.repeat(64) } }),
      ({ predicate }) => (predicate.resources = []),
    ]
    for (const change of statements) {
      const statement = JSON.parse(writeStatement('m', files, []).toString())
      change(statement)
      const payload = Buffer.from(JSON.stringify(statement))
      const signature = key.signing.sign(preAuthEncoding(payload))[0]?.signature ?? Buffer.alloc(0)
      assert.equal(
        judged({ bundle: writeBundle({ hint: key.halves[0]?.hints[0] ?? '', keyId: '', payload, signature }) }, [key]).status,
        'bad',
      )
    }
  })

  it('leave files out only where their signer says so', () => {
    using keys = new TestKeys()
    const key = keys.create('me', { algorithm: 'ecdsa-p256' })
    const payload = writeStatement('m', files, ['logs'])
    const signature = key.signing.sign(preAuthEncoding(payload))[0]?.signature ?? Buffer.alloc(0)
    const bundles = { a: writeBundle({ hint: key.halves[0]?.hints[0] ?? '', keyId: '', payload, signature }) }
    const extra = (path: string): Map<string, string> => new Map([...files, [path, 'f'.repeat(64)]])
    for (const path of ['logs/1', 'logs', '.git/config', '.gitattributes'])
      assert.equal(judged(bundles, [key], extra(path)).status, 'ok', path)
    for (const path of ['logs2', 'a/logs', 'a/.git/config', 'Logs/1']) assert.equal(judged(bundles, [key], extra(path)).status, 'bad', path)
  })
})

describe('public keys', () => {
  it('of every algorithm that is taken are read back as they were written, and check what their private half signed', () => {
    const pairs = [
      { ...generateKeyPairSync('ed25519'), hash: null },
      { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }), hash: 'sha256' },
      { ...generateKeyPairSync('ec', { namedCurve: 'P-384' }), hash: 'sha384' },
      { ...generateKeyPairSync('ec', { namedCurve: 'P-521' }), hash: 'sha512' },
      { ...generateKeyPairSync('rsa', { modulusLength: 2048 }), hash: 'sha256' },
    ]
    for (const { publicKey, privateKey, hash } of pairs) {
      const pem = publicKey.export({ type: 'spki', format: 'pem' })
      const read = readPublicKeys(`a comment\n${pem}\n`)
      assert.equal(read.pem, pem)
      const der = publicKey.export({ type: 'spki', format: 'der' })
      assert.equal(read.id, createHash('sha256').update(der).digest('hex'))
      const payload = writeStatement('m', files, [])
      const signature = sign(hash, preAuthEncoding(payload), privateKey)
      const bundle = writeBundle({ hint: read.halves[0]?.hints[0] ?? '', keyId: '', payload, signature })
      const key = { ...read, name: 'k', trusted: true, canSign: false, createdAt: 0 }
      assert.equal(judged({ bundle }, [key]).status, 'ok', read.halves[0]?.algorithm ?? '')
    }
  })

  it('are refused with a reason, and never repeated, when they are private, short, two or none', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const pem = (pair: { publicKey: ReturnType<typeof createPublicKey> }): string => pair.publicKey.export({ type: 'spki', format: 'pem' })
    const cases: Array<readonly [string, RegExp]> = [
      [secret, /private key/],
      [pem(generateKeyPairSync('rsa', { modulusLength: 1024 })), /this short/],
      [pem(generateKeyPairSync('ed25519')) + pem(generateKeyPairSync('ed25519')).slice(0, 60), /cut short/],
      [pem(generateKeyPairSync('x25519')), /x25519 keys are not taken/],
      [pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), /ec keys are not taken/],
      [pem(generateKeyPairSync('ed25519')) + pem(generateKeyPairSync('ed25519')), /found ed25519\+ed25519/],
      ['hello', /found none/],
      ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /cannot be read/],
    ]
    for (const [text, reason] of cases)
      assert.throws(
        () => readPublicKeys(text),
        (error) =>
          isSomaError(error, 'call/invalid-input') && reason.test(error.message) && !error.message.includes(text.slice(30, 60) || '?'),
      )
  })
})

describe('private keys', () => {
  it('are in a file that only its owner may read', () => {
    using keys = new TestKeys()
    const { id } = keys.create('me')
    const { mode } = statSync(join(keys.directory, 'keys', `${id}.pem`))
    assert.equal(mode & 0o777, 0o600)
  })

  it('that were lost or exchanged do not sign', () => {
    using keys = new TestKeys()
    const [one, other] = [keys.create('one'), keys.create('other')]
    const path = (id: string): string => join(keys.directory, 'keys', `${id}.pem`)
    writeFileSync(path(one.id), readFileSync(path(other.id)))
    assert.throws(
      () => openSigningKey(keys, one),
      (error) => isSomaError(error, 'store/corrupt'),
    )
    writeFileSync(path(one.id), 'nothing')
    assert.throws(
      () => openSigningKey(keys, one),
      (error) => isSomaError(error, 'store/corrupt'),
    )
    assert.throws(
      () => openSigningKey(keys, { id: 'f'.repeat(64), name: 'x' }),
      (error) => isSomaError(error, 'key/not-found'),
    )
  })
})
