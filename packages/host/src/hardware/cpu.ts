import type { CpuFacts } from '@soma/spec'
import { cgroupLimits } from '../cgroup.ts'
import { armFeatures, armModel, appleFeatures, riscvFeatures, x86Features, type VectorFeatures } from './cpu-features.ts'
import type { MachineReader } from './machine-reader.ts'

/** What a CPU is; it stays the same while the machine runs. */
export type CpuModel = Omit<CpuFacts, 'quota' | 'load'>

export async function readCpuModel(machine: MachineReader): Promise<CpuModel> {
  return machine.platform === 'darwin' ? await appleCpu(machine) : linuxCpu(machine)
}

/** What changes: the share that the control group grants, and how busy the machine is. */
export function readCpuUse({ read }: Pick<MachineReader, 'read'>): Pick<CpuFacts, 'quota' | 'load'> {
  const { cpus } = cgroupLimits(read)
  const load = Number.parseFloat(read('/proc/loadavg') ?? '')
  return { quota: Number.isFinite(cpus) ? cpus : null, load: Number.isFinite(load) ? load : null }
}

function linuxCpu(machine: MachineReader): CpuModel {
  const info = machine.read('/proc/cpuinfo') ?? ''
  const field = (name: string): string | undefined => new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, 'mi').exec(info)?.[1]?.trim()
  const threads = (info.match(/^processor\s*:/gm) ?? []).length || machine.parallelism
  const perCore = Number(field('siblings')) / Number(field('cpu cores'))
  return {
    ...named(machine, field),
    ...featuresOf(machine, field),
    // Without the two fields there is one thread a core: Arm and RISC-V, and what Soma is likely to meet of others.
    cores: Math.max(1, Math.round(threads / (perCore >= 1 ? perCore : 1))),
    threads,
    numaNodes: Math.max(1, machine.list('/sys/devices/system/node').filter((name) => /^node\d+$/.test(name)).length),
  }
}

type Field = (name: string) => string | undefined

function named(machine: MachineReader, field: Field): Pick<CpuModel, 'vendor' | 'model'> {
  const arm = armModel(field('CPU implementer'), field('CPU part'))
  // Boards say what they are here; servers and PCs have no such file.
  const board = machine.read('/proc/device-tree/model')?.replaceAll('\0', '').trim()
  const model = field('model name') ?? arm?.model ?? field('uarch') ?? machine.arch
  return { vendor: field('vendor_id') ?? arm?.vendor ?? field('mvendorid') ?? 'unknown', model: board ? `${model} (${board})` : model }
}

function featuresOf({ read }: MachineReader, field: Field): VectorFeatures {
  const flags = field('flags')
  if (flags !== undefined) return x86Features(flags)
  const features = field('Features')
  if (features !== undefined) return armFeatures(features, Number(read('/proc/sys/abi/sve_default_vector_length') ?? 0))
  return riscvFeatures(field('isa') ?? '')
}

async function appleCpu(machine: MachineReader): Promise<CpuModel> {
  const facts = parseSysctl((await machine.run(['sysctl', 'hw', 'machdep.cpu'])) ?? '')
  const count = (key: string): number => Number(facts.get(key)) || machine.parallelism
  const model = facts.get('machdep.cpu.brand_string') ?? machine.arch
  const features = machine.arch === 'arm64' ? appleFeatures(facts) : x86Features(intelMacFlags(facts))
  const vendor = facts.get('machdep.cpu.vendor') ?? (machine.arch === 'arm64' ? 'Apple' : 'unknown')
  return { vendor, model, ...features, cores: count('hw.physicalcpu'), threads: count('hw.logicalcpu'), numaNodes: 1 }
}

function intelMacFlags(facts: ReadonlyMap<string, string>): string {
  return ['machdep.cpu.features', 'machdep.cpu.leaf7_features']
    .map((key) => facts.get(key) ?? '')
    .join(' ')
    .toLowerCase()
    .replaceAll('avx1.0', 'avx')
}

/** `key: value` lines, as `sysctl` prints them. */
export function parseSysctl(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, key, value] = /^([\w.]+): (.*)$/.exec(line) ?? []
      return key === undefined || value === undefined ? [] : [[key, value.trim()] as const]
    }),
  )
}
