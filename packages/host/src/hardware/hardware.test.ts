import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Accelerator, type HostFacts, HostFactsSchema } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import { machineNames, recordedMachine } from '@soma/testkit/machines'
import { systemClock } from '../clock.ts'
import { armFeatures, armModel, riscvFeatures, x86Features } from './cpu-features.ts'
import { createHardware } from './hardware.ts'
import { type MachineReader, readThisMachine } from './machine-reader.ts'
import { computeThreads } from './threads.ts'

async function look(machine: MachineReader): Promise<HostFacts> {
  return HostFactsSchema.parse(await createHardware({ machine, clock: createTestClock() }).look())
}

function cpuLine({ cpus, cpu }: HostFacts): string {
  assert.ok(cpu)
  const quota = cpu.quota === null ? '' : ` quota ${cpu.quota}`
  const nodes = cpu.numaNodes > 1 ? ` ${cpu.numaNodes} nodes` : ''
  return `${cpu.model}: ${cpu.cores}/${cpu.threads} use ${cpus}${quota}${nodes}, ${cpu.vectorBits} bits, ${cpu.features.at(-1) ?? 'plain'}`
}

function acceleratorLine({ id, name, apis, memoryBytes, memoryFreeBytes, unified, driver, numaNode }: Accelerator): string {
  const gigabytes = (bytes: number | null): string => (bytes === null ? '?' : (bytes / 1e9).toFixed(1))
  const memory = unified ? 'unified' : `${gigabytes(memoryFreeBytes)}/${gigabytes(memoryBytes)} GB`
  return `${id} ${name} [${apis.join()}] ${memory} ${driver ?? '-'}${numaNode === null ? '' : ` node ${numaNode}`}`
}

/** Machine → its CPU, its accelerators best first, and its container. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'amd-apu-laptop': [
    'AMD Ryzen 7 7840U w/ Radeon 780M Graphics: 8/16 use 16, 512 bits, avx512-bf16',
    'vulkan:0 AMD GPU 1002:15bf [vulkan] unified amdgpu',
    'npu:0 AMD XDNA NPU [accel] unified amdxdna',
  ],
  'amd-workstation': [
    'AMD Ryzen 9 7950X 16-Core Processor: 16/32 use 32, 512 bits, avx512-bf16',
    'rocm:1 Advanced Micro Devices, Inc. [AMD/ATI] Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M] [rocm,vulkan] 24.0/25.8 GB amdgpu',
    'rocm:0 Advanced Micro Devices, Inc. [AMD/ATI] Raphael [rocm,vulkan] unified amdgpu',
  ],
  'apple-m2-pro': [
    'Apple M2 Pro: 12/12 use 12, 128 bits, bf16',
    'metal:0 Apple M2 Pro GPU [metal] unified -',
    'npu:0 Apple M2 Pro Neural Engine [coreml] unified -',
  ],
  'cgroup-v1-pod': ['Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz: 8/16 use 4 quota 4, 256 bits, avx2', 'in kubernetes'],
  'container-1.5-cpus': [
    'Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz: 64/128 use 1 quota 1.5 2 nodes, 512 bits, avx512-vnni',
    'in docker',
  ],
  'dual-gpu-server': [
    'AMD EPYC 9354 32-Core Processor: 64/128 use 128 2 nodes, 512 bits, avx512-bf16',
    'cuda:0 NVIDIA A100 80GB PCIe [cuda] 1.1/85.9 GB 565.57.01 node 0',
    'cuda:1 NVIDIA A100 80GB PCIe [cuda] 84.9/85.9 GB 565.57.01 node 1',
  ],
  'gaming-laptop': [
    '12th Gen Intel(R) Core(TM) i7-12700H: 14/20 use 20, 256 bits, avx-vnni',
    'cuda:0 NVIDIA GeForce RTX 3070 Laptop GPU [cuda,vulkan] 8.1/8.6 GB 550.120',
    'vulkan:0 Intel Corporation Alder Lake-P GT2 [Iris Xe Graphics] [vulkan] unified i915',
  ],
  graviton3: ['Neoverse-V1: 16/16 use 16, 256 bits, sve'],
  'intel-arc-desktop': [
    '13th Gen Intel(R) Core(TM) i5-13600K: 14/20 use 20, 256 bits, avx-vnni',
    'level-zero:1 Intel Corporation DG2 [Arc A770] [level-zero,vulkan] ?/17.2 GB i915',
    'level-zero:0 Intel Corporation Raptor Lake-S GT1 [UHD Graphics 770] [level-zero,vulkan] unified i915',
  ],
  'intel-npu-laptop': [
    'Intel(R) Core(TM) Ultra 7 155H: 16/22 use 22, 256 bits, avx-vnni',
    'vulkan:0 Intel Corporation Meteor Lake-P [Intel Arc Graphics] [vulkan] unified i915',
    'npu:0 Intel NPU [accel] unified intel_vpu',
  ],
  'jetson-orin': [
    'Cortex-A78AE (NVIDIA Jetson AGX Orin Developer Kit): 12/12 use 12, 128 bits, dotprod',
    'cuda:0 NVIDIA Jetson AGX Orin Developer Kit GPU [cuda] unified R36.3.0',
  ],
  'nvidia-container': [
    '13th Gen Intel(R) Core(TM) i7-13700K: 16/24 use 8, 256 bits, avx-vnni',
    'cuda:0 NVIDIA GeForce RTX 4090 [cuda] ?/? GB 570.86.10',
    'in podman',
  ],
  'raspberry-pi-5': ['Cortex-A76 (Raspberry Pi 5 Model B Rev 1.0): 4/4 use 4, 128 bits, dotprod', 'npu:0 Hailo NPU [accel] unified -'],
  'riscv-board': ['Spacemit(R) X60 (spacemit k1-x deb1 board): 8/8 use 8, 128 bits, zvfhmin'],
  'test-runner': ['Intel(R) Xeon(R) Processor: 2/2 use 2, 512 bits, avx512-fp16', 'in docker'],
  'wsl2-nvidia': [
    'AMD Ryzen 7 5800X 8-Core Processor: 8/16 use 16, 256 bits, avx2',
    'cuda:0 NVIDIA GeForce RTX 4070 [cuda] 11.5/12.9 GB 560.94',
    'in wsl',
  ],
}

describe('the hardware of', () => {
  for (const name of machineNames)
    test(name, async () => {
      const facts = await look(recordedMachine(name))
      const container = typeof facts.container === 'string' ? [`in ${facts.container}`] : []
      assert.deepEqual([cpuLine(facts), ...(facts.accelerators ?? []).map(acceleratorLine), ...container], expected[name])
    })
})

test('memory is the container’s, less what is used and cannot be dropped', async () => {
  const { memoryBytes, memoryAvailableBytes } = await look(recordedMachine('container-1.5-cpus'))
  assert.deepEqual([memoryBytes, memoryAvailableBytes], [2147483648, 2147483648 - (734003200 - 209715200)])
})

test('reserved large pages are counted, and a kernel without them says null', async () => {
  assert.deepEqual((await look(recordedMachine('dual-gpu-server'))).hugepages, { sizeBytes: 1024 ** 3, total: 64, free: 48 })
  assert.equal((await look(recordedMachine('raspberry-pi-5'))).hugepages, null)
})

test('the memory of accelerators that share the machine’s, or do not say, is not watched', async () => {
  const memoryOf = async (name: string): Promise<string[]> => {
    const hardware = createHardware({ machine: recordedMachine(name), clock: createTestClock() })
    return (await hardware.acceleratorMemory()).map(({ device }) => device)
  }
  assert.deepEqual(await memoryOf('amd-workstation'), ['rocm:1'])
  assert.deepEqual(await memoryOf('nvidia-container'), [])
  assert.deepEqual(await memoryOf('jetson-orin'), [])
})

test('programs are started only where their driver is, once for several who ask at once, and again when time has passed', async () => {
  const started: string[] = []
  const counted = (name: string): MachineReader => {
    const machine = recordedMachine(name)
    return { ...machine, run: async (command) => (started.push(command[0]), await machine.run(command)) }
  }
  await look(counted('graviton3'))
  await look(counted('raspberry-pi-5'))
  assert.deepEqual(started, [])
  const clock = createTestClock()
  const hardware = createHardware({ machine: counted('dual-gpu-server'), clock })
  await Promise.all([hardware.look(), hardware.look(), hardware.acceleratorMemory()])
  assert.deepEqual(started, ['nvidia-smi'])
  await hardware.look()
  clock.skip(2000)
  await hardware.look()
  assert.deepEqual(started, ['nvidia-smi', 'nvidia-smi'])
})

test('before anybody looked the cheap facts are there and the others absent', () => {
  const facts = createHardware({ machine: recordedMachine('gaming-laptop'), clock: createTestClock() }).facts()
  assert.deepEqual([facts.cpus, facts.cpu, facts.accelerators], [20, undefined, undefined])
})

test('a card whose program hangs or fails is still seen through its driver, though not its memory', async () => {
  const machine = { ...recordedMachine('gaming-laptop'), run: () => Promise.resolve(undefined) }
  const { accelerators = [] } = await look(machine)
  assert.deepEqual(
    accelerators.map(({ name }) => name),
    ['NVIDIA GPU 10de:249d', 'Intel GPU 8086:46a6'],
  )
})

describe('threads to compute with', () => {
  const rows: ReadonlyArray<readonly [claim: string, name: string, own: number, threads: number]> = [
    ['one per core, not per hardware thread', 'amd-workstation', 0, 16],
    ['the quota, rounded down', 'container-1.5-cpus', 0, 1],
    ['half the CPUs where two are one core', 'cgroup-v1-pod', 0, 2],
    ['all cores where each is one thread', 'graviton3', 0, 16],
    ['the affinity', 'nvidia-container', 0, 6],
  ]
  for (const [claim, name, own, threads] of rows)
    test(`are ${claim}`, async () => assert.equal(computeThreads(await look(recordedMachine(name)), own), threads))

  test('are fewer while others compute, never none, and our own do not count', async () => {
    const facts = await look(recordedMachine('raspberry-pi-5'))
    const busy = (load: number, own: number): number => computeThreads({ ...facts, cpu: facts.cpu && { ...facts.cpu, load } }, own)
    assert.deepEqual([busy(0.3, 0), busy(1.9, 0), busy(4, 0), busy(40, 0), busy(4, 4), busy(4, 2)], [4, 2, 1, 1, 4, 2])
  })

  test('come from the quota alone where nobody looked at the CPU', () => {
    const facts = { platform: 'linux', arch: 'x64', cpus: 3, memoryBytes: 1, memoryAvailableBytes: 1 }
    assert.equal(computeThreads(facts), 3)
  })
})

test('instruction sets have the names that kernels are built for', () => {
  assert.deepEqual(x86Features('fpu sse2 amx_bf16 avx512f avx amx_tile avx512_fp16 amx_int8').features, [
    'avx',
    'avx512f',
    'avx512-fp16',
    'amx-tile',
    'amx-int8',
    'amx-bf16',
  ])
  assert.equal(x86Features('fpu sse2').vectorBits, 128)
  assert.deepEqual(armFeatures('fp asimd sve sve2', 16), { features: ['neon', 'sve', 'sve2'], vectorBits: 128 })
  assert.equal(armFeatures('fp asimd sve', 64).vectorBits, 512)
  assert.deepEqual(riscvFeatures('rv64imafdc_zicsr'), { features: [], vectorBits: 0 })
  assert.deepEqual(riscvFeatures(''), { features: [], vectorBits: 0 })
  assert.deepEqual(armModel('0x61', '0x032'), { vendor: 'Apple', model: 'Apple part 0x032' })
})

test('this machine is looked at without an error, and asking again is cheap', async () => {
  const hardware = createHardware({ machine: readThisMachine(process.env), clock: systemClock })
  const facts = HostFactsSchema.parse(await hardware.look())
  assert.ok(facts.cpu && facts.cpu.threads >= facts.cpu.cores && facts.accelerators)
  assert.deepEqual(Object.keys(hardware.facts()).sort(), Object.keys(facts).sort())
})
