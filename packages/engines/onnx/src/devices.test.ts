import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LogRecord, createLog, isSomaError, silentLog } from '@soma/core'
import type { Accelerator, HostFacts } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import { layOut } from '@soma/testkit/engine'
import { identityModel } from '@soma/testkit/onnx'
import { createEngine } from './engine.ts'
import { type OrtRuntime, importRuntime } from './runtime.ts'

const files = { 'model.onnx': identityModel('float32') }
const model = { files, roles: { model: 'model.onnx' }, format: 'onnx', task: 'tensor-to-tensor' }
const ctx = { signal: new AbortController().signal, log: silentLog }
const x = { name: 'x', dtype: 'float32' as const, shape: [1], data: new Uint8Array(4) }

interface Machine {
  /** Providers that start; the others are built in and do not. */
  readonly working: readonly string[]
  /** What every run fails with. */
  readonly failure?: string
}

/** onnxruntime as it is on a machine with accelerators: models run on the CPU, and their sessions say that they do not. */
async function runtimeOf({ working, failure }: Machine, asked: unknown[]): Promise<OrtRuntime> {
  const real = await importRuntime()
  return {
    ...real,
    Tensor: real.Tensor,
    listSupportedBackends: () => ['cpu', 'cuda', 'webgpu'].map((name) => ({ name })),
    InferenceSession: {
      async create(path, options) {
        asked.push(options.executionProviders)
        const [first] = options.executionProviders ?? []
        const name = typeof first === 'object' ? first.name : 'cpu'
        if (name !== 'cpu' && !working.includes(name)) throw new Error('Failed to load shared library')
        const session = await real.InferenceSession.create(path, { ...options, executionProviders: ['cpu'] })
        if (failure !== undefined) session.run = () => Promise.reject(new Error(failure))
        return session
      },
    },
  }
}

function engineOn(machine: Machine, asked: unknown[] = []) {
  return createEngine({ importRuntime: () => runtimeOf(machine, asked), residentBytes: () => 1, pause: () => Promise.resolve() })
}

async function load(machine: Machine, device: string, { settings = {}, log = silentLog, asked = [] as unknown[] } = {}) {
  await using folder = await layOut(model)
  return await engineOn(machine, asked).load(folder.pkg, { threads: 1, device, settings }, { ...ctx, log })
}

function card(id: string, name: string): Accelerator {
  const memory = { memoryBytes: 2 ** 33, memoryFreeBytes: 2 ** 33, unified: false }
  return { id, kind: 'gpu', vendor: 'x', name, apis: [id.split(':')[0] ?? ''], driver: null, numaNode: null, ...memory }
}

const host: HostFacts = { platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 2 ** 33, memoryAvailableBytes: 2 ** 33 }

describe('a device', () => {
  it('is handed to its provider with its number, and the model says where it runs and what it takes there', async () => {
    const asked: unknown[] = []
    await using loaded = await load({ working: ['cuda'] }, 'cuda:1', { asked })
    assert.equal(loaded.device, 'cuda:1')
    assert.deepEqual(asked.at(-1), [{ name: 'cuda', deviceId: 1 }, 'cpu'])
    assert.ok((loaded.usage().deviceBytes?.['cuda:1'] ?? 0) > 0)
    await using first = await load({ working: ['webgpu'] }, 'vulkan')
    assert.equal(first.device, 'vulkan:0')
    await using plain = await load({ working: [] }, 'cpu')
    assert.equal(plain.device, undefined)
  })

  it('without a working provider is refused with what to install', async () => {
    const refused = async (device: string, message: RegExp): Promise<void> =>
      await assert.rejects(
        load({ working: [] }, device),
        (error) => isSomaError(error, 'engine/missing') && error.details['device'] === device && message.test(error.message),
      )
    await refused('cuda:0', /cuda does not start .*npm install onnxruntime-node@1.30.0 --onnxruntime-node-install=cuda12/)
    await refused('webgpu', /Vulkan loader/)
    await refused('vulkan:1', /webgpu chooses among several itself; write vulkan:0/)
    await refused('cuda:x', /write cuda:0/)
    await refused('directml:0', /no provider dml on this platform/)
    await refused('rocm:0', /no provider for it; it takes cpu, cuda/)
  })

  it('that cannot be used is left for the CPU where the settings allow it, and the log says so', async () => {
    const records: LogRecord[] = []
    const log = createLog({ level: 'info', clock: createTestClock(), write: (record) => records.push(record) })
    await using loaded = await load({ working: [] }, 'cuda:0', { settings: { fallback: true }, log })
    assert.equal(loaded.device, undefined)
    assert.match(JSON.stringify(records), /the model runs on the CPU instead.*cuda:0/)
  })

  it('that fails under a call is lost; one whose memory is full is exhausted; other failures are the engine’s', async () => {
    const failures = [
      ['CUDA failure 700: an illegal memory access was encountered', 'engine/device-lost'],
      ['CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED', 'engine/device-lost'],
      ['WebGPU device is lost', 'engine/device-lost'],
      ['CUDA failure 2: out of memory', 'resource/exhausted'],
      ['BFCArena: Failed to allocate memory for requested buffer of size 9', 'resource/exhausted'],
      ['Non-zero status code returned while running Gather', 'engine/failed'],
    ] as const
    for (const [failure, code] of failures) {
      await using loaded = await load({ working: ['cuda'], failure }, 'cuda:0')
      await assert.rejects(loaded.infer?.({ inputs: [x] }, ctx) ?? Promise.resolve(), { code })
    }
    await using loaded = await load({ working: [], failure: 'CUDA failure 700' }, 'cpu')
    await assert.rejects(loaded.infer?.({ inputs: [x] }, ctx) ?? Promise.resolve(), { code: 'engine/failed' })
  })
})

describe('the probe', () => {
  it('offers the accelerators that a session really starts on, and says of the others what they lack', async () => {
    const accelerators = [card('vulkan:0', 'Arc'), card('cuda:0', 'RTX'), card('rocm:0', 'Radeon')]
    const { devices, checks = [] } = await engineOn({ working: ['cuda'] }).probe({ ...host, accelerators })
    assert.deepEqual(devices, ['cuda:0', 'cpu'])
    assert.deepEqual(
      checks.map(({ id, status }) => [id, status]),
      [
        ['onnx-cuda-0', 'ok'],
        ['onnx-vulkan-0', 'warn'],
        ['onnx-rocm-0', 'warn'],
      ],
    )
    assert.ok(checks.every(({ status, remedy }) => status === 'ok' || remedy))
  })

  it('starts nothing where the host has no accelerators', async () => {
    const asked: unknown[] = []
    assert.deepEqual(await engineOn({ working: ['cuda'] }, asked).probe(host), { supported: true, reason: '', devices: ['cpu'] })
    assert.deepEqual(asked, [])
  })

  it('of the real library, told of a card that is not here, warns and goes on', async () => {
    const engine = createEngine({ importRuntime, residentBytes: () => 1, pause: () => Promise.resolve() })
    const { devices, checks } = await engine.probe({ ...host, accelerators: [card('cuda:99', 'RTX')] })
    assert.deepEqual([devices, checks?.[0]?.status], [['cpu'], 'warn'])
  })
})
