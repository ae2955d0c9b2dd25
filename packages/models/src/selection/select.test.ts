import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Accelerator, EngineDescriptor, HostFacts } from '@soma/spec'
import { createHardware } from '@soma/host'
import { createTestClock } from '@soma/testkit/clock'
import { machineNames, recordedMachine } from '@soma/testkit/machines'
import fc from 'fast-check'
import type { EngineFacts, SelectionRequest } from './facts.ts'
import { rankEngines } from './rank-engines.ts'
import { whoRuns } from './who-runs.ts'

const GB = 1e9

function engine(id: string, more: Partial<EngineDescriptor> = {}): EngineFacts {
  const descriptor: EngineDescriptor = { smiVersion: 1, id, title: id, version: '0', formats: [], tasks: [], layouts: [], ...more }
  return { descriptor }
}

const llama = engine('llama', { formats: ['gguf'], tasks: ['text-generation'], apis: ['cuda', 'vulkan', 'metal'] })
const onnx = engine('onnx', { formats: ['onnx'], tasks: ['tensor-to-tensor'], apis: ['cuda'] })
const transformers = engine('transformers', { formats: ['onnx'], tasks: ['text-classification'] })
const python = engine('python', { formats: ['safetensors'], tasks: ['text-generation'], apis: ['cuda'], converts: ['onnx'] })
const remote = engine('remote', { formats: ['endpoint', 'gguf'], tasks: ['text-generation'], remote: true })
const engines = [transformers, onnx, llama, python, remote]

function gpu(id: string, gigabytes: number | null, more: Partial<Accelerator> = {}): Accelerator {
  const memoryBytes = gigabytes === null ? null : gigabytes * GB
  const apis = [id.split(':')[0] ?? '']
  const rest = { memoryBytes, memoryFreeBytes: memoryBytes, unified: false, driver: null, numaNode: null }
  return { id, kind: 'gpu', vendor: 'Vendor', name: `Card ${id}`, apis, ...rest, ...more }
}

function host(gigabytes: number, accelerators: Accelerator[] = [], vectorBits = 256): HostFacts {
  const cpu = { vendor: 'v', model: 'm', features: [], vectorBits, cores: 4, threads: 8, quota: null, numaNodes: 1, load: 0 }
  return { platform: 'linux', arch: 'x64', cpus: 8, memoryBytes: gigabytes * GB, memoryAvailableBytes: gigabytes * GB, cpu, accelerators }
}

const gguf = { format: 'gguf', task: 'text-generation', sizeBytes: 4 * GB }
const laptop = host(16, [gpu('cuda:0', 8), gpu('vulkan:1', null, { unified: true, name: 'Integrated' })])

interface Row {
  readonly claim: string
  readonly request: Partial<SelectionRequest>
  /** `engine on device` of the chosen one; undefined where nothing is. */
  readonly chosen: string | undefined
  /** In the reasons of the chosen one, or else among all problems. */
  readonly says?: RegExp
}

const rows: readonly Row[] = [
  { claim: 'a card with memory of its own is taken', request: {}, chosen: 'llama on cuda:0', says: /fast memory of its own/ },
  { claim: 'without accelerators the CPU is', request: { host: host(16) }, chosen: 'llama on cpu', says: /256-bit vectors/ },
  {
    claim: 'hosts that nobody looked at closely have a CPU',
    request: { host: { ...host(16), cpu: undefined, accelerators: undefined } },
    chosen: 'llama on cpu',
  },
  {
    claim: 'weights larger than the card go to the shared memory',
    request: { host: host(16, [gpu('cuda:0', 2), gpu('vulkan:1', null, { unified: true })]) },
    chosen: 'llama on vulkan:1',
  },
  {
    claim: 'a card that is in use steps back behind a free one',
    request: { host: host(16, [gpu('cuda:0', 8, { memoryFreeBytes: GB }), gpu('cuda:1', 8)]) },
    chosen: 'llama on cuda:1',
    says: /free memory now/,
  },
  { claim: 'two equal cards: the first', request: { host: host(16, [gpu('cuda:0', 8), gpu('cuda:1', 8)]) }, chosen: 'llama on cuda:0' },
  { claim: 'a tiny model stays on the CPU', request: { package: { ...gguf, sizeBytes: 5e6 } }, chosen: 'llama on cpu' },
  {
    claim: 'the engine that knows the task comes before one that knows the format only',
    request: { package: { format: 'onnx', task: 'text-classification', sizeBytes: GB } },
    chosen: 'transformers on cpu',
    says: /task text-classification/,
  },
  {
    claim: 'the package’s own engine comes before that',
    request: { package: { format: 'onnx', task: 'text-classification', sizeBytes: GB, engine: 'onnx' } },
    chosen: 'onnx on cuda:0',
    says: /made for this engine/,
  },
  {
    claim: 'the user’s engine comes before all',
    request: {
      package: { format: 'onnx', task: 'text-classification', sizeBytes: GB, engine: 'transformers' },
      preference: { engine: 'onnx' },
    },
    chosen: 'onnx on cuda:0',
  },
  { claim: 'the user’s device is followed', request: { preference: { device: 'cpu' } }, chosen: 'llama on cpu', says: /device was chosen/ },
  {
    claim: 'a device that is not there is not replaced in silence',
    request: { preference: { device: 'cuda:7' } },
    chosen: undefined,
    says: /device cuda:7 was chosen/,
  },
  {
    claim: 'an engine that does not run the format is not replaced in silence',
    request: { preference: { engine: 'onnx' } },
    chosen: undefined,
    says: /engine onnx was chosen/,
  },
  {
    claim: 'a format that nobody runs has no candidate',
    request: { package: { ...gguf, format: 'tflite' } },
    chosen: undefined,
    says: /does not run the format tflite/,
  },
  {
    claim: 'another machine needs consent',
    request: { package: { ...gguf, format: 'endpoint', sizeBytes: 100 } },
    chosen: undefined,
    says: /not allowed/,
  },
  {
    claim: 'with consent it is taken',
    request: { package: { ...gguf, format: 'endpoint', sizeBytes: 100 }, preference: { allowRemote: true } },
    chosen: 'remote on cpu',
    says: /another machine/,
  },
  {
    claim: 'even with consent a local engine comes first',
    request: { preference: { allowRemote: true }, host: host(16) },
    chosen: 'llama on cpu',
  },
  {
    claim: 'when it does not fit here, another machine may',
    request: { preference: { allowRemote: true }, host: host(3) },
    chosen: 'remote on cpu',
  },
  {
    claim: 'what does not fit is refused with numbers',
    request: { host: host(3) },
    chosen: undefined,
    says: /weights alone take 4\.0 GB of memory, of which models may use 3\.0 GB/,
  },
  {
    claim: 'the budget counts, not the machine',
    request: { host: host(64), budgets: [{ device: 'memory', limitBytes: 3 * GB, usedBytes: 0 }] },
    chosen: undefined,
    says: /may use 3\.0 GB/,
  },
  {
    claim: 'an estimate counts more than the files’ size',
    request: { host: host(8), estimates: [{ engine: 'llama', device: 'cpu', memory: { residentBytes: 9 * GB } }] },
    chosen: undefined,
    says: /needs 9\.0 GB of memory/,
  },
  {
    claim: 'an accelerator’s own memory and the machine’s are both asked',
    request: {
      host: host(16, [gpu('cuda:0', 8)]),
      estimates: [{ engine: 'llama', device: 'cuda:0', memory: { residentBytes: GB, deviceBytes: { 'cuda:0': 9 * GB } } }],
    },
    chosen: 'llama on cpu',
  },
  {
    claim: 'an engine that cannot run here says why',
    request: { engines: [{ ...llama, support: { supported: false, reason: 'libgomp is not installed', devices: [] } }] },
    chosen: undefined,
    says: /^Libgomp is not installed\.$/,
  },
  {
    claim: 'an engine that was asked names its devices itself',
    request: { engines: [{ ...llama, support: { supported: true, reason: '', devices: ['vulkan:1', 'cpu'] } }] },
    chosen: 'llama on vulkan:1',
  },
  {
    claim: 'an NPU comes after the CPU',
    request: { host: host(16, [gpu('npu:0', null, { kind: 'npu', unified: true, apis: ['cuda'] })]) },
    chosen: 'llama on cpu',
  },
]

describe('choosing an engine and a device', () => {
  for (const { claim, request, chosen, says } of rows)
    test(claim, () => {
      const ranked = rankEngines({ package: gguf, engines, host: laptop, ...request })
      const first = ranked.find((candidate) => candidate.chosen)
      assert.equal(first && `${first.engine} on ${first.device}`, chosen)
      const texts = first ? first.reasons : ranked.flatMap(({ problems }) => problems)
      if (says)
        assert.ok(
          texts.some((text) => says.test(text)),
          texts.join('\n'),
        )
    })
})

test('every candidate that is not able says why, and they come last', () => {
  const ranked = rankEngines({ package: gguf, engines, host: laptop })
  const firstUnable = ranked.findIndex(({ problems }) => problems.length > 0)
  assert.ok(firstUnable > 0 && ranked.slice(firstUnable).every(({ problems }) => problems.length > 0))
  assert.deepEqual(ranked.map(({ engine }) => engine).sort(), ['llama', 'llama', 'llama', 'onnx', 'python', 'remote', 'transformers'])
  for (const text of ranked.flatMap(({ reasons, problems }) => [...reasons, ...problems])) assert.match(text, /^[A-Z].*\.$/)
})

test('memory is shown where it runs: on the card the card’s, beside it what both take', () => {
  const memory = { residentBytes: GB, deviceBytes: { 'cuda:0': 3 * GB, 'vulkan:1': 2 * GB } }
  const estimates = ['cuda:0', 'vulkan:1', 'cpu'].map((device) => ({ engine: 'llama', device, memory }))
  const ranked = rankEngines({ package: gguf, engines: [llama, onnx], host: laptop, estimates })
  const bytes = Object.fromEntries(ranked.map(({ engine: id, device, memoryBytes }) => [`${id} ${device}`, memoryBytes]))
  assert.deepEqual(bytes, { 'llama cuda:0': 3 * GB, 'llama vulkan:1': 3 * GB, 'llama cpu': GB, 'onnx cpu': null })
})

test('on any host at most one is chosen, it has no problem, its memory fits, and the order is by score (seeded)', () => {
  const size = fc.integer({ min: 1, max: 100 })
  const accelerators = fc.uniqueArray(
    fc.record({ index: fc.nat(4), api: fc.constantFrom('cuda', 'vulkan', 'rocm'), size, unified: fc.boolean() }),
    {
      selector: ({ api, index }) => `${api}:${index}`,
      maxLength: 4,
    },
  )
  fc.assert(
    fc.property(size, size, accelerators, fc.constantFrom(undefined, 'llama', 'remote'), (memory, weights, cards, wanted) => {
      const machine = host(
        memory,
        cards.map((card) => gpu(`${card.api}:${card.index}`, card.size, { unified: card.unified })),
      )
      const preference = { ...(wanted && { engine: wanted }), allowRemote: weights % 2 === 0 }
      const ranked = rankEngines({ package: { ...gguf, sizeBytes: weights * GB }, engines, host: machine, preference })
      const able = ranked.filter(({ problems }) => problems.length === 0)
      assert.deepEqual(
        ranked.map(({ chosen }) => chosen),
        ranked.map((_, index) => index === 0 && able.length > 0),
      )
      assert.deepEqual(
        able.map(({ score }) => score),
        able.map(({ score }) => score).sort((a, b) => b - a),
      )
      const card = machine.accelerators?.find(({ id }) => id === able[0]?.device)
      const roomBytes = card && !card.unified ? card.memoryBytes : machine.memoryBytes
      if (able[0]?.engine === 'llama') assert.ok(weights * GB <= Number(roomBytes))
      if (wanted && able[0]) assert.equal(able[0].engine, wanted)
    }),
    { numRuns: 500 },
  )
})

test('the error for a format names who runs it, what is missing there, and who could make it', () => {
  const broken = { ...python, support: { supported: false, reason: 'torch is not installed.', devices: [] } }
  assert.equal(
    whoRuns('safetensors', [broken, llama]),
    'the format safetensors is run by python (missing: torch is not installed); `soma engine doctor` says what to install',
  )
  assert.equal(whoRuns('onnx', [python]), 'no engine here runs the format onnx, though python can write it; the engines run safetensors')
  assert.equal(whoRuns('x', []), 'no engine here runs the format x; the engines run nothing')
})

describe('a language model of 4 GB goes on each machine', () => {
  const chosen: Readonly<Record<string, string>> = {
    'amd-apu-laptop': 'vulkan:0',
    'amd-workstation': 'rocm:1',
    'apple-m2-pro': 'metal:0',
    'cgroup-v1-pod': 'cpu',
    'container-1.5-cpus': 'nowhere: The weights alone take 4.0 GB of memory, of which models may use 2.1 GB.',
    'dual-gpu-server': 'cuda:1',
    'gaming-laptop': 'cuda:0',
    graviton3: 'cpu',
    'intel-arc-desktop': 'level-zero:1',
    'intel-npu-laptop': 'vulkan:0',
    'jetson-orin': 'cuda:0',
    'nvidia-container': 'cuda:0',
    'raspberry-pi-5': 'cpu',
    'riscv-board': 'cpu',
    'test-runner': 'cpu',
    'wsl2-nvidia': 'cuda:0',
  }
  for (const name of machineNames)
    test(`${name}: ${chosen[name]}`, async () => {
      const facts = await createHardware({ machine: recordedMachine(name), clock: createTestClock() }).look()
      const [first] = rankEngines({ package: gguf, engines: [llama], host: facts })
      assert.equal(first?.chosen ? first.device : `nowhere: ${first?.problems.join(' ')}`, chosen[name])
    })
})
