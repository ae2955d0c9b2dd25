import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { appendFile, cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { Machine } from '../exchange/test-exchange.ts'
import { signFiles } from './sign-model.ts'
import { TestKeys, digestsOf } from './test-keys.ts'

const files = { 'README.md': '# A model', LICENSE: 'MIT', 'tokens.txt': 'a b c' }
type Policy = 'off' | 'warn' | 'enforce'

/** A model that is signed on one machine, and unpacked in a folder. */
async function signedFolder(
  machine: Machine,
  algorithm: 'hybrid' | 'ecdsa-p256' = 'hybrid',
): Promise<{ readonly folder: string; readonly publicPem: string; readonly digest: string }> {
  const { model } = await machine.install('m', files)
  const { publicPem } = await machine.calls.call('key.create', { name: 'publisher', algorithm })
  await machine.calls.call('model.sign', { model: 'm', key: 'publisher' })
  await machine.run('model.pack', { model: 'm', path: machine.path('m.axon') })
  await machine.calls.call('model.unpack', { path: machine.path('m.axon'), folder: machine.path('m') })
  return { folder: machine.path('m'), publicPem, digest: model.digest }
}

/** What installing a folder ends with: the code of the refusal, else whether there was a warning. */
async function outcome(machine: Machine, folder: string, policy: Policy): Promise<string> {
  Object.assign(machine.config.install, { signatures: policy })
  try {
    const { events } = await machine.run('model.install', { reference: `file/${folder}`, name: 'got', replace: true })
    return events.some(({ type }) => type === 'warning') ? 'warned' : 'installed'
  } catch (error) {
    if (isSomaError(error)) return error.code
    throw error
  }
}

async function outcomes(machine: Machine, folder: string): Promise<string[]> {
  const found: string[] = []
  for (const policy of ['off', 'warn', 'enforce'] as const) {
    found.push(await outcome(machine, folder, policy))
    await machine.calls.call('model.remove', { model: 'got' }).catch(() => undefined)
  }
  return found
}

describe('the signature policy', () => {
  it('decides by what the signature is worth', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem } = await signedFolder(publisher)
    assert.deepEqual(await outcomes(machine, folder), ['installed', 'warned', 'package/unsigned'], 'unknown key')
    await machine.calls.call('key.import', { name: 'them', publicPem, trusted: false })
    assert.deepEqual(await outcomes(machine, folder), ['installed', 'warned', 'package/unsigned'], 'key not trusted')
    await machine.calls.call('key.trust', { key: 'them' })
    assert.deepEqual(await outcomes(machine, folder), ['installed', 'installed', 'installed'], 'trusted')
    await cp(folder, machine.path('bare'), { recursive: true })
    for (const name of ['model.sig', 'model.ml-dsa-65.sig']) await rm(machine.path('bare', name))
    assert.deepEqual(await outcomes(machine, machine.path('bare')), ['installed', 'warned', 'package/unsigned'], 'unsigned')
    await appendFile(join(folder, 'tokens.txt'), 'd')
    const wrong = await outcomes(machine, folder)
    assert.deepEqual(wrong.slice(1), ['package/bad-signature', 'package/bad-signature'], 'changed')
  })

  it('enforced lets nothing in that was changed, added, removed, renamed or swapped', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem } = await signedFolder(publisher)
    await machine.calls.call('key.import', { name: 'them', publicPem })
    const changes: Record<string, (to: string) => Promise<unknown>> = {
      'a file': (to) => appendFile(join(to, 'model.echo'), ' '),
      manifest: async (to) =>
        writeFile(join(to, 'manifest.yaml'), (await readFile(join(to, 'manifest.yaml'), 'utf8')).replace('kind: Model', 'kind: Model # ')),
      added: (to) => writeFile(join(to, 'more.json'), '{}'),
      'added below': async (to) => {
        await mkdir(join(to, 'more'))
        await writeFile(join(to, 'more', 'manifest.yaml'), 'kind: Model')
      },
      removed: (to) => rm(join(to, 'tokens.txt')),
      'manifest removed': (to) => rm(join(to, 'manifest.yaml')),
      renamed: (to) => rename(join(to, 'tokens.txt'), join(to, 'Tokens.txt')),
      swapped: async (to) => {
        await rename(join(to, 'tokens.txt'), join(to, 'x'))
        await rename(join(to, 'README.md'), join(to, 'tokens.txt'))
        await rename(join(to, 'x'), join(to, 'README.md'))
      },
      'half a signature': (to) => rm(join(to, 'model.ml-dsa-65.sig')),
      'the other half': (to) => rename(join(to, 'model.ml-dsa-65.sig'), join(to, 'model.sig')),
      'no bundle': (to) => writeFile(join(to, 'model.sig'), '{}'),
      'not even text': (to) => writeFile(join(to, 'model.sig'), Buffer.from([0xff, 0])),
      'both files in a folder below': async (to) => {
        await mkdir(join(to, 'below'))
        for (const name of await readdir(to)) if (name !== 'below') await rename(join(to, name), join(to, 'below', name))
        await cp(join(to, 'below', 'model.echo'), join(to, 'model.echo'))
      },
    }
    let index = 0
    for (const [what, change] of Object.entries(changes)) {
      const to = machine.path(String(index++))
      await cp(folder, to, { recursive: true })
      await change(to)
      assert.equal(await outcome(machine, to, 'enforce'), 'package/bad-signature', what)
      assert.equal(await outcome(machine, to, 'warn'), 'package/bad-signature', what)
    }
    assert.deepEqual((await machine.calls.call('model.list', {})).models, [])
    assert.equal(await outcome(machine, folder, 'enforce'), 'installed')
  })

  it('enforced lets in, of folders with any one bit flipped, only those in which nothing that is signed was', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem, digest } = await signedFolder(publisher)
    await machine.calls.call('key.import', { name: 'them', publicPem })
    const names = (await readdir(folder)).sort()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.nat(), fc.integer({ min: 0, max: 7 }), async (name, at, bit) => {
        const to = machine.path('flipped')
        await cp(folder, to, { recursive: true })
        const bytes = await readFile(join(to, name))
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit)
        await writeFile(join(to, name), bytes)
        const found = await outcome(machine, to, 'enforce')
        await rm(to, { recursive: true })
        if (found !== 'installed') return assert.ok(['package/bad-signature', 'package/unsigned'].includes(found), found)
        assert.ok(name.endsWith('.sig'), name)
        assert.equal((await machine.calls.call('model.remove', { model: 'got' })).name, 'got')
      }),
      { numRuns: 30 },
    )
    assert.equal(await outcome(machine, folder, 'enforce'), 'installed')
    assert.equal((await machine.calls.call('model.show', { model: 'got' })).model.digest, digest)
  })

  it('counts a package in one folder of an archive as that folder', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem, digest } = await signedFolder(publisher, 'ecdsa-p256')
    await machine.calls.call('key.import', { name: 'them', publicPem })
    await mkdir(machine.path('outer'))
    await cp(folder, machine.path('outer', 'inner'), { recursive: true })
    assert.equal(await outcome(machine, machine.path('outer'), 'enforce'), 'installed')
    const { model, signers } = await machine.calls.call('model.show', { model: 'got' })
    assert.deepEqual([model.digest, signers.map(({ name }) => name)], [digest, ['them']])
  })

  it('does not ask for what the source left out on purpose, and says so', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem } = await signedFolder(publisher)
    await machine.calls.call('key.import', { name: 'them', publicPem })
    Object.assign(machine.config.install, { signatures: 'enforce' })
    const names = (await readdir(folder)).filter((name) => name !== 'LICENSE')
    const served = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)))
    // What the manifest lists must be there, whatever was left out.
    delete served['manifest.yaml']
    machine.source.serve('some', served, { omitted: ['LICENSE', 'manifest.yaml'] })
    machine.source.serve('fewer', served, { omitted: ['manifest.yaml'] })
    await machine.run('model.install', { reference: 'test/some' })
    await assert.rejects(machine.run('model.install', { reference: 'test/fewer' }), {
      code: 'package/bad-signature',
      message: /"LICENSE" was signed/,
    })
  })

  it('does not ask for what include left out on purpose, and keeps what was checked', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem } = await signedFolder(publisher)
    await machine.calls.call('key.import', { name: 'them', publicPem })
    Object.assign(machine.config.install, { signatures: 'enforce' })
    const include = ['model.echo', '*.sig']
    await machine.run('model.install', { reference: `file/${folder}`, name: 'part', include })
    const { files: kept, signers } = await machine.calls.call('model.show', { model: 'part' })
    assert.ok(!kept.some(({ path }) => path === 'tokens.txt'))
    assert.equal(signers.length, 2)
    await machine.run('model.pack', { model: 'part', path: machine.path('part.axon') })
    await machine.calls.call('model.unpack', { path: machine.path('part.axon'), folder: machine.path('part') })
    assert.ok(!(await machine.list('part')).includes('model.sig'), 'a signature over more than is packed does not go along')
    await machine.calls.call('key.create', { name: 'own' })
    await machine.calls.call('model.sign', { model: 'part', key: 'own' })
    await machine.run('model.pack', { model: 'part', path: machine.path('own.axon') })
    await machine.run('model.install', { reference: `file/${machine.path('own.axon')}`, name: 'again' })
    assert.deepEqual((await machine.calls.call('model.show', { model: 'again' })).signers[0]?.name, 'own')
  })
})

describe('the signature policy, of what is installed already', () => {
  it('is asked again: what came in under a laxer one has to pass the present one', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    const { folder, publicPem } = await signedFolder(publisher)
    const install = async (signatures: Policy) => {
      Object.assign(machine.config.install, { signatures })
      return machine.run('model.install', { reference: `file/${folder}`, name: 'got' })
    }
    const warnings = ({ events }: Awaited<ReturnType<typeof install>>) => events.filter(({ type }) => type === 'warning').length
    await install('off')
    await machine.calls.call('model.pin', { model: 'got' })
    const warned = await install('warn')
    assert.deepEqual([warned.output.alreadyInstalled, warnings(warned)], [true, 1])
    await assert.rejects(install('enforce'), { code: 'package/unsigned' })
    assert.equal((await machine.calls.call('model.show', { model: 'got' })).model.name, 'got')
    await machine.calls.call('key.import', { name: 'them', publicPem })
    const { output } = await install('enforce')
    assert.deepEqual([output.alreadyInstalled, output.model.pinned], [true, true])
  })

  it('is asked before it is made ready by its reference', async () => {
    await using machine = await Machine.create()
    await machine.install('m', files)
    const register = (reference: string) => machine.run('model.register', { reference })
    Object.assign(machine.config.install, { signatures: 'enforce' })
    await assert.rejects(register('test/m'), { code: 'package/unsigned' })
    assert.equal((await register('m')).output.alreadyInstalled, true)
    await machine.calls.call('key.create', { name: 'own' })
    await machine.calls.call('model.sign', { model: 'm', key: 'own' })
    assert.equal((await register('test/m')).output.alreadyInstalled, true)
  })

  it('is asked of the whole where the package is a part of what was signed, and says that the signature is not kept', async () => {
    await using publisher = await Machine.create()
    await using machine = await Machine.create()
    using keys = new TestKeys()
    const key = keys.create('them')
    const { folder } = await signedFolder(publisher)
    const outer = machine.path('outer')
    await cp(folder, join(outer, 'inner'), { recursive: true, filter: (path) => !path.endsWith('.sig') })
    const names = (await readdir(join(outer, 'inner'))).map((name) => `inner/${name}`)
    const texts = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await readFile(join(outer, name), 'utf8')] as const)),
    )
    for (const [name, bundle] of Object.entries(signFiles(key.signing, 'm', digestsOf(texts)))) await writeFile(join(outer, name), bundle)
    await machine.calls.call('key.import', { name: 'them', publicPem: key.pem })
    Object.assign(machine.config.install, { signatures: 'enforce' })
    for (const _time of ['first', 'again']) {
      const { events } = await machine.run('model.install', { reference: `file/${outer}`, name: 'got' })
      assert.ok(events.some((event) => event.type === 'warning' && /does not fit the installed files/.test(event.message)))
    }
    assert.deepEqual((await machine.calls.call('model.show', { model: 'got' })).signers, [])
  })
})

describe('a signed model', () => {
  it('keeps its signature from machine to machine, and its verdict is told everywhere', async () => {
    const machines = [await Machine.create(), await Machine.create(), await Machine.create()] as const
    try {
      const [first, second, third] = machines
      const { publicPem, digest } = await signedFolder(first)
      let reference = first.path('m.axon')
      for (const machine of [second, third]) {
        await machine.calls.call('key.import', { name: 'them', publicPem })
        assert.equal(await outcome(machine, reference, 'enforce'), 'installed')
        await machine.calls.call('model.pin', { model: 'got' })
        const { model, signers } = await machine.calls.call('model.show', { model: 'got' })
        assert.equal(model.digest, digest)
        assert.deepEqual(
          signers.map(({ algorithm, trusted }) => [algorithm, trusted]),
          [
            ['ed25519', true],
            ['ml-dsa-65', true],
          ],
        )
        const verify = async () => (await machine.run('model.verify', { model: 'got' })).output.models[0]
        assert.equal((await verify())?.signature, 'ok')
        await machine.calls.call('key.trust', { key: 'them', trusted: false })
        assert.deepEqual([(await verify())?.signature, (await verify())?.ok], ['untrusted', true])
        await machine.calls.call('key.remove', { key: 'them' })
        assert.equal((await machine.calls.call('model.show', { model: 'got' })).signers[0]?.name, null)
        reference = machine.path('got.axon')
        await machine.run('model.pack', { model: 'got', path: reference })
      }
      assert.deepEqual(await readFile(reference), await readFile(first.path('m.axon')), 'the same archive after three machines')
    } finally {
      for (const machine of machines) await machine[Symbol.asyncDispose]()
    }
  })

  it('whose record no longer names the signed files is bad', async () => {
    await using machine = await Machine.create()
    await signedFolder(machine)
    const row = machine.store.records.get('package', 'm')
    const value = row?.value as { files: Array<{ path: string; digest: string }> }
    const [first, second] = value.files
    assert.ok(first && second)
    const files = [{ ...first, digest: second.digest }, ...value.files.slice(1)]
    machine.store.commit({ writes: [{ action: 'put', kind: 'package', key: 'm', value: { ...value, files } }] })
    const { output } = await machine.run('model.verify', { model: 'm' })
    assert.deepEqual([output.models[0]?.signature, output.ok], ['bad', false])
  })

  it('is signed only while all its files are there, with a key that can sign', async () => {
    await using machine = await Machine.create()
    const { publicPem } = await signedFolder(machine)
    const sign = async (key: string, model = 'm') => machine.calls.call('model.sign', { model, key })
    await assert.rejects(sign('nobody'), { code: 'key/not-found' })
    await assert.rejects(sign('publisher', 'nothing'), { code: 'model/not-found' })
    await assert.rejects(machine.calls.call('key.import', { name: 'copy', publicPem }), { code: 'key/exists' })
    const foreign = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })
    await machine.calls.call('key.import', { name: 'foreign', publicPem: foreign })
    await assert.rejects(sign('foreign'), { code: 'key/not-found', message: /only the public half/ })
    const { files: listed } = await machine.calls.call('model.show', { model: 'm' })
    await rm(machine.store.blobs.path(listed[0]?.digest ?? ('' as never)))
    await assert.rejects(sign('publisher'), { code: 'package/corrupt' })
  })
})

describe('keys', () => {
  it('are listed, shown, trusted and removed by name or id, and an unknown one is suggested for', async () => {
    await using machine = await Machine.create()
    const { key, publicPem } = await machine.calls.call('key.create', { name: 'mine' })
    assert.deepEqual([key.algorithms, key.trusted, key.canSign], [['ed25519', 'ml-dsa-65'], true, true])
    assert.equal(publicPem.match(/BEGIN PUBLIC KEY/g)?.length, 2)
    assert.deepEqual(await machine.calls.call('key.show', { key: key.id }), { key, publicPem })
    await assert.rejects(machine.calls.call('key.create', { name: 'mine' }), { code: 'key/exists' })
    await assert.rejects(machine.calls.call('key.show', { key: 'mien' }), { code: 'key/not-found', message: /did you mean mine/ })
    assert.equal((await machine.calls.call('key.trust', { key: 'mine', trusted: false })).key.trusted, false)
    const again = await machine.calls.call('key.import', { name: 'mine', publicPem })
    assert.deepEqual([again.key.canSign, again.key.trusted], [true, true])
    await machine.calls.call('key.remove', { key: key.id })
    assert.deepEqual((await machine.calls.call('key.list', {})).keys, [])
    assert.deepEqual(await privateFiles(machine), [])
  })

  it('are in a private file each, and never two under one name, however many are made at once', async () => {
    await using machine = await Machine.create()
    const made = await Promise.allSettled(
      Array.from({ length: 5 }, async () => machine.calls.call('key.create', { name: 'k', algorithm: 'ecdsa-p256' })),
    )
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1)
    const { keys } = await machine.calls.call('key.list', {})
    assert.deepEqual(
      await privateFiles(machine),
      keys.map(({ id }) => `${id}.pem`),
    )
    for (const name of await privateFiles(machine))
      assert.equal((await stat(join(machine.store.directory, 'keys', name))).mode & 0o777, 0o600)
  })

  it('never show their private half: not in outputs, records, events, logs or the audit log', async () => {
    await using machine = await Machine.create()
    const outputs: unknown[] = [await machine.install('m', files)]
    for (const algorithm of ['hybrid', 'ecdsa-p256'] as const) {
      outputs.push(
        await machine.calls.call('key.create', { name: algorithm, algorithm }),
        await machine.calls.call('key.show', { key: algorithm }),
      )
      outputs.push(
        await machine.calls.call('model.sign', { model: 'm', key: algorithm }),
        await machine.calls.call('model.show', { model: 'm' }),
      )
    }
    outputs.push(
      await machine.calls.call('key.list', {}),
      (await machine.run('model.pack', { model: 'm', path: machine.path('m.axon') })).output,
    )
    const secrets: Buffer[] = []
    for (const name of await privateFiles(machine)) {
      const pem = await readFile(join(machine.store.directory, 'keys', name), 'utf8')
      await assert.rejects(machine.calls.call('key.import', { name: 'leak', publicPem: pem }), (error) => {
        outputs.push(isSomaError(error, 'call/invalid-input') ? error.toProblem() : assert.fail())
        return true
      })
      for (const [, body = ''] of pem.matchAll(/-----BEGIN [A-Z ]+-----([^-]*)-----END/g)) {
        const der = Buffer.from(body, 'base64')
        secrets.push(der.subarray(-32), Buffer.from(body.trim().split('\n')[0] ?? ''))
      }
    }
    assert.equal(secrets.length, 6)
    outputs.push(await machine.calls.call('audit.list', {}), await machine.calls.call('event.list', {}), machine.logged)
    const { files: open } = { files: await readdir(machine.store.directory, { recursive: true, withFileTypes: true }) }
    const readable = open.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/keys'))
    const everything = [
      Buffer.from(JSON.stringify(outputs)),
      await readFile(machine.path('m.axon')),
      ...(await Promise.all(readable.map(async (entry) => readFile(join(entry.parentPath, entry.name))))),
    ]
    for (const secret of secrets)
      for (const form of [
        secret,
        Buffer.from(secret.toString('hex')),
        Buffer.from(secret.toString('base64').slice(0, 40)),
        Buffer.from(secret.toString('base64url').slice(0, 40)),
      ])
        assert.ok(everything.every((bytes) => !bytes.includes(form)))
  })
})

async function privateFiles(machine: Machine): Promise<string[]> {
  return (await readdir(join(machine.store.directory, 'keys'))).filter((name) => /^[0-9a-f]{64}\.pem$/.test(name)).sort()
}
