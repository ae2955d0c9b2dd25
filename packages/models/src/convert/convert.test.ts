import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type CallId, OWNER, createSeededRng, isSomaError, silentLog } from '@soma/core'
import type { CallContext, Calls, EngineDescriptor } from '@soma/spec'
import { identityModel } from '@soma/testkit/onnx'
import { Machine } from '../exchange/test-exchange.ts'
import type { InstalledModel } from '../ports.ts'
import { echoEngine, scriptEngine } from '../runtime/test-world.ts'
import { createConvertHandler } from './convert-model.ts'
import { removeDrafts } from './draft-folder.ts'

const converts: Partial<EngineDescriptor> = { formats: ['echo'], layouts: [], converts: ['onnx'] }
const onnx = Buffer.from(identityModel('float32')).toString('base64')

/** A machine whose second engine converts with these lines; they have `request` and may use `write(path, base64)`. */
async function machineThat(lines: string): Promise<Machine> {
  const script = `
    import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
    import { dirname, join } from 'node:path'
    const onnx = ${JSON.stringify(onnx)}
    await serve({ async *convert(request, ctx) {
      const write = (path) => { mkdirSync(dirname(join(request.directory, path)), { recursive: true }); writeFileSync(join(request.directory, path), Buffer.from(onnx, 'base64')) }
      ${lines}
    } })
  `
  const machine = await Machine.create([], [echoEngine, scriptEngine('converter', script, converts)])
  await machine.install('a')
  return machine
}

async function nothingLeft(machine: Machine): Promise<void> {
  assert.deepEqual(await readdir(join(machine.store.directory, 'run', 'drafts')).catch(() => []), [])
  const { models } = await machine.calls.call('model.list', {})
  assert.deepEqual(
    models.map(({ name }) => name),
    ['a'],
  )
}

const refused = async (machine: Machine, input: object, code: string, calls?: Calls): Promise<Error> => {
  const failed = await machine.run('model.convert', { model: 'a', to: 'onnx', ...input }, { ...(calls && { calls }) }).then(
    () => assert.fail('it was not refused'),
    (error: unknown) => error,
  )
  assert.ok(isSomaError(failed) && failed.code === code, String(failed))
  return failed
}

test('what an engine writes becomes a model of its own, with what is known of the first', async () => {
  await using machine = await machineThat(`
    yield { stage: 'writing ' + request.package.roles.model + ' as ' + request.to + ' with ' + JSON.stringify(request.settings) }
    write('model.onnx')
    return { files: ['model.onnx'], notes: ['nothing was lost'] }
  `)
  const { events, output } = await machine.run('model.convert', { model: 'a', to: 'onnx', settings: { opset: 16 } })
  assert.deepEqual(
    events.map(({ stage }) => stage),
    ['starting the converter engine', 'writing model.echo as onnx with {"opset":16}', 'installing a-onnx'],
  )
  assert.deepEqual(output, {
    name: 'a-onnx',
    files: [{ path: 'model.onnx', sizeBytes: Buffer.from(onnx, 'base64').byteLength }],
    notes: ['nothing was lost'],
  })
  const { model } = await machine.calls.call('model.show', { model: 'a-onnx' })
  assert.equal(model.format, 'onnx')
  assert.match(model.reference, /^converted\/a\/onnx@/)
  assert.deepEqual(await readdir(join(machine.store.directory, 'run', 'drafts')), [])
})

test('the settings of soma model configure count where the engine that they were chosen for converts', async () => {
  await using machine = await machineThat(`
    yield { stage: JSON.stringify(request.settings) }
    write('model.onnx')
    return { files: ['model.onnx'], notes: [] }
  `)
  const told = async (name: string, settings: Record<string, unknown> = {}): Promise<string | undefined> => {
    const { events } = await machine.run('model.convert', { model: 'a', to: 'onnx', name, settings })
    return events[1]?.stage
  }
  await machine.calls.call('model.configure', { model: 'a', settings: { residentBytes: 5_000_000 } })
  assert.equal(await told('by-another'), '{}')
  await machine.calls.call('model.configure', { model: 'a', engine: 'converter', settings: { opset: 16, dtype: 'float16' } })
  assert.equal(await told('by-its-own'), '{"opset":16,"dtype":"float16"}')
  assert.equal(await told('said-again', { opset: 17 }), '{"opset":17,"dtype":"float16"}')
})

test('a conversion that fails, and an engine that crashes in it, leave nothing behind', async () => {
  const ends = [
    [`write('model.onnx'); throw new Error('it broke')`, 'engine/failed'],
    [`write('model.onnx'); process.abort()`, 'engine/crashed'],
    [`write('model.onnx'); return { files: ['model.onnx', 'more.onnx'], notes: [] }`, 'engine/protocol'],
    [`symlinkSync('/etc/hostname', join(request.directory, 'model.onnx')); return { files: ['model.onnx'], notes: [] }`, 'engine/protocol'],
    [`symlinkSync('/etc', join(request.directory, 'linked')); return { files: ['linked/passwd'], notes: [] }`, 'engine/protocol'],
    [`return { files: ['../../../model.onnx'], notes: [] }`, 'package/unsafe-path'],
    [
      `writeFileSync(join(request.directory, 'model.onnx'), 'no model'); return { files: ['model.onnx'], notes: [] }`,
      'package/invalid-model',
    ],
  ] as const
  await using machine = await machineThat(ends.map(([lines], index) => `if (request.settings.end === ${index}) { ${lines} }`).join('\n'))
  for (const [end, [, code]] of ends.entries()) {
    await refused(machine, { settings: { end } }, code)
    await nothingLeft(machine)
  }
})

test('cancelling ends the engine in mid-work and leaves nothing behind', async () => {
  await using machine = await machineThat(`yield { stage: 'stuck' }; write('model.onnx'); await new Promise(setImmediate); for (;;);`)
  const cancel = new AbortController()
  const stream = machine.calls.stream('model.convert', { model: 'a', to: 'onnx' }, { signal: cancel.signal })
  await assert.rejects(
    async () => {
      for await (const { stage } of stream) if (stage === 'stuck') cancel.abort()
      await stream.output
    },
    { code: 'call/cancelled' },
  )
  // The call's own clean-up goes on behind its answer.
  await machine.kernel.drain({ drainMs: 5000 })
  assert.deepEqual((await readdir(join(machine.store.directory, 'run', 'drafts')).catch(() => [])).length, 0)
})

test('what cannot be converted, and names that are taken, are refused before anything runs', async () => {
  await using machine = await machineThat(`throw new Error('it must not run')`)
  assert.match((await refused(machine, { to: 'gguf' }, 'model/unsupported')).message, /it can be converted into onnx/)
  assert.match((await refused(machine, { to: 'echo' }, 'model/unsupported')).message, /is echo already/)
  await refused(machine, { model: 'no-such-model' }, 'model/not-found')
  await refused(machine, { name: 'a' }, 'model/exists')
  await nothingLeft(machine)
})

test('a full disk is noticed before anything runs', async () => {
  const model = { name: 'a', format: 'echo', engine: 'echo', files: [{ sizeBytes: 1000 }] } as unknown as InstalledModel
  const never = (): never => assert.fail('it must not get so far')
  const convert = createConvertHandler({
    store: { directory: '/nowhere' },
    registry: { get: () => model, find: () => undefined, open: never },
    installer: { perform: never },
    runtime: { borrow: never, engineOf: () => 'echo', host: { settingsFor: () => ({}) } },
    engines: () => [{ ...echoEngine.descriptor, ...converts }],
    freeBytes: async () => 10_000,
    rng: createSeededRng(1),
  })
  const ctx = {
    callId: 'c' as CallId,
    caller: { principal: OWNER, face: 'ipc' },
    signal: new AbortController().signal,
    log: silentLog,
    allows: () => true,
  } as unknown as CallContext
  await assert.rejects(convert({ model: 'a', to: 'onnx', settings: {} }, ctx).next(), { code: 'store/disk-full' })
  await assert.rejects(convert({ model: 'a', to: 'onnx', settings: {} }, { ...ctx, allows: () => false }).next(), {
    code: 'capability/denied',
  })
})

test('the right to install one name is no right to install another', async () => {
  await using machine = await machineThat(`write('model.onnx'); return { files: ['model.onnx'], notes: [] }`)
  const { token } = await machine.calls.call('capability.issue', {
    grants: [
      { resource: 'model/a', rights: ['read'] },
      { resource: 'model/mine', rights: ['install'] },
    ],
    label: '',
  })
  const calls = machine.as(machine.kernel.authenticate(token))
  await refused(machine, { name: 'other' }, 'capability/denied', calls)
  const { output } = await machine.run('model.convert', { model: 'a', to: 'onnx', name: 'mine' }, { calls })
  assert.equal(output.name, 'mine')
})

test('what a daemon left behind that did not end well is removed', async () => {
  await using machine = await machineThat('')
  const drafts = join(machine.store.directory, 'run', 'drafts')
  await mkdir(join(drafts, 'draft-x'), { recursive: true })
  await writeFile(join(drafts, 'draft-x', 'model.onnx'), 'half')
  await removeDrafts(machine.store)
  await nothingLeft(machine)
})
