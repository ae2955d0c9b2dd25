import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import { type Hardware, createHardware } from '@soma/host'
import type { CallContext, CallOutput, EngineDescriptor, EngineSupport } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import { recordedMachine } from '@soma/testkit/machines'
import { createEngineDoctor, diagnoseEngine } from './engine-doctor.ts'

const fine: EngineSupport = { supported: true, reason: '', devices: ['cpu'] }

function descriptor(id: string, more: Partial<EngineDescriptor> = {}): EngineDescriptor {
  return { smiVersion: 1, id, title: id, version: '0', formats: [], tasks: [], layouts: [], ...more }
}

const machine: Hardware = createHardware({ machine: recordedMachine('gaming-laptop'), clock: createTestClock() })

/** Asks the doctor about engines that answer, or fail, as told. */
async function doctor(answers: Readonly<Record<string, EngineSupport | SomaError>>, engine?: string): Promise<CallOutput<'engine.doctor'>> {
  const host = await machine.look()
  const handlers = createEngineDoctor({
    engines: () => Object.keys(answers).map((id) => descriptor(id, { apis: ['cuda'] })),
    ask: (id) => {
      const answer = answers[id] ?? new SomaError('engine/not-found', `no engine ${id}`)
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve({ support: answer })
    },
    hostFacts: () => host,
  })
  const ctx = { signal: new AbortController().signal, allows: (resource: string) => resource !== 'engine/hidden' } as unknown as CallContext
  return await handlers['engine.doctor']({ ...(engine !== undefined && { engine }) }, ctx)
}

test('an engine that does not start fails with its error, and the others are asked all the same', async () => {
  const { engines } = await doctor({
    broken: new SomaError('engine/crashed', 'engine broken ended at once'),
    good: { ...fine, devices: ['cuda:0', 'cpu'] },
  })
  assert.deepEqual(
    engines.map(({ engine, supported }) => [engine, supported]),
    [
      ['broken', false],
      ['good', true],
    ],
  )
  assert.partialDeepStrictEqual(engines[0]?.checks[0], { id: 'start', status: 'fail', detail: 'engine broken ended at once' })
  assert.deepEqual(
    engines[1]?.checks.map(({ status }) => status),
    ['ok'],
  )
})

test('an accelerator that the engine could use, and does not, is named with what to do', async () => {
  const { engines } = await doctor({ onnx: fine })
  const check = engines[0]?.checks.find(({ id }) => id === 'accelerator-cuda-0')
  assert.partialDeepStrictEqual(check, { status: 'warn', detail: 'cuda:0 is here, and engine onnx does not use it' })
  assert.match(check?.remedy ?? '', /needs for cuda/)
  assert.ok(!engines[0]?.checks.some(({ id }) => id.includes('vulkan')))
})

test('an accelerator of which the engine itself says what it lacks is not named a second time', async () => {
  const own = { id: 'x', title: 'x', status: 'warn', detail: 'device cuda:0 cannot be used: no driver' } as const
  const { checks } = diagnoseEngine(descriptor('onnx', { apis: ['cuda'] }), { ...fine, checks: [own] }, await machine.look())
  assert.deepEqual(
    checks.map(({ id }) => id),
    ['start', 'x'],
  )
})

test('why an engine cannot run here is said once: by its own check, or by its reason', async () => {
  const host = await machine.look()
  const reason = 'torch is not installed'
  const own = { id: 'torch', title: 'PyTorch', status: 'fail', detail: reason, remedy: 'apt install python3-torch' } as const
  const alone = diagnoseEngine(descriptor('python', { apis: ['cuda'] }), { supported: false, reason, devices: [] }, host)
  assert.deepEqual(
    alone.checks.map(({ id, status }) => [id, status]),
    [
      ['start', 'ok'],
      ['support', 'fail'],
    ],
  )
  const told = diagnoseEngine(descriptor('python', { apis: ['cuda'] }), { supported: false, reason, devices: [], checks: [own] }, host)
  assert.deepEqual(
    told.checks.map(({ id }) => id),
    ['start', 'torch'],
  )
})

test('whoever may not see an engine is not told of it, and one that is not there is an error', async () => {
  assert.deepEqual(
    (await doctor({ hidden: fine, seen: fine })).engines.map(({ engine }) => engine),
    ['seen'],
  )
  assert.deepEqual(
    (await doctor({ hidden: fine, seen: fine }, 'seen')).engines.map(({ engine }) => engine),
    ['seen'],
  )
  await assert.rejects(doctor({ seen: fine }, 'none'), { code: 'engine/not-found' })
})
