/** Instruction sets and the width of vectors. */
export interface VectorFeatures {
  readonly features: string[]
  readonly vectorBits: number
}

/** The kernel's name of a flag → ours; those that inference kernels are built for. */
const x86Names: Readonly<Record<string, string>> = {
  sse4_2: 'sse4.2',
  'sse4.2': 'sse4.2',
  avx: 'avx',
  f16c: 'f16c',
  fma: 'fma',
  avx2: 'avx2',
  avx_vnni: 'avx-vnni',
  avx512f: 'avx512f',
  avx512bw: 'avx512bw',
  avx512vl: 'avx512vl',
  avx512_vnni: 'avx512-vnni',
  avx512_bf16: 'avx512-bf16',
  avx512_fp16: 'avx512-fp16',
  amx_tile: 'amx-tile',
  amx_int8: 'amx-int8',
  amx_bf16: 'amx-bf16',
}

const armNames: Readonly<Record<string, string>> = {
  asimd: 'neon',
  neon: 'neon',
  asimdhp: 'fp16',
  asimddp: 'dotprod',
  i8mm: 'i8mm',
  bf16: 'bf16',
  sve: 'sve',
  sve2: 'sve2',
  sme: 'sme',
  sme2: 'sme2',
}

const appleNames: Readonly<Record<string, string>> = {
  'hw.optional.neon': 'neon',
  'hw.optional.arm.FEAT_FP16': 'fp16',
  'hw.optional.arm.FEAT_DotProd': 'dotprod',
  'hw.optional.arm.FEAT_I8MM': 'i8mm',
  'hw.optional.arm.FEAT_BF16': 'bf16',
  'hw.optional.arm.FEAT_SME': 'sme',
  'hw.optional.arm.FEAT_SME2': 'sme2',
}

/** @param flags as /proc/cpuinfo lists them. */
export function x86Features(flags: string): VectorFeatures {
  const features = named(x86Names, flags.split(/\s+/))
  return { features, vectorBits: features.includes('avx512f') ? 512 : features.includes('avx') ? 256 : 128 }
}

/** @param sveBytes length of an SVE register as the kernel gives it to programs; 0 where it does not say. */
export function armFeatures(list: string, sveBytes: number): VectorFeatures {
  const features = named(armNames, list.split(/\s+/))
  const sveBits = features.includes('sve') ? sveBytes * 8 : 0
  return { features, vectorBits: Math.max(sveBits, features.includes('neon') ? 128 : 0) }
}

/** The V extension promises at least 128 bits; how many there are only an instruction says. */
export function riscvFeatures(isa: string): VectorFeatures {
  const [single = '', ...extensions] = isa.toLowerCase().split('_')
  const hasVectors = /^rv\d+[a-z]*v/.test(single)
  return {
    features: [...(hasVectors ? ['rvv'] : []), ...extensions.filter((name) => /^zv(fh|bb|ne)/.test(name))],
    vectorBits: hasVectors ? 128 : 0,
  }
}

export function appleFeatures(facts: ReadonlyMap<string, string>): VectorFeatures {
  const features = named(
    appleNames,
    [...facts].filter(([, value]) => value === '1').map(([key]) => key),
  )
  // Every arm64 Mac has it, whatever keys its system knows.
  return { features: [...new Set(['neon', ...features])], vectorBits: 128 }
}

function named(names: Readonly<Record<string, string>>, flags: readonly string[]): string[] {
  const present = new Set(flags)
  return [...new Set(Object.entries(names).flatMap(([flag, name]) => (present.has(flag) ? [name] : [])))]
}

const implementers: Readonly<Record<string, string>> = {
  '0x41': 'Arm',
  '0x43': 'Cavium',
  '0x46': 'Fujitsu',
  '0x48': 'HiSilicon',
  '0x4e': 'NVIDIA',
  '0x51': 'Qualcomm',
  '0x61': 'Apple',
  '0xc0': 'Ampere',
}

/** Arm's own cores that run models somewhere; others keep their number. */
const armParts: Readonly<Record<string, string>> = {
  '0xd03': 'Cortex-A53',
  '0xd05': 'Cortex-A55',
  '0xd07': 'Cortex-A57',
  '0xd08': 'Cortex-A72',
  '0xd0b': 'Cortex-A76',
  '0xd0c': 'Neoverse-N1',
  '0xd40': 'Neoverse-V1',
  '0xd41': 'Cortex-A78',
  '0xd42': 'Cortex-A78AE',
  '0xd44': 'Cortex-X1',
  '0xd49': 'Neoverse-N2',
  '0xd4f': 'Neoverse-V2',
  '0xd84': 'Neoverse-V3',
  '0xd8e': 'Neoverse-N3',
}

/** Arm's /proc/cpuinfo has numbers instead of names. */
export function armModel(
  implementer: string | undefined,
  part: string | undefined,
): { readonly vendor: string; readonly model: string } | undefined {
  if (implementer === undefined || part === undefined) return undefined
  const vendor = implementers[implementer] ?? `implementer ${implementer}`
  return { vendor, model: (implementer === '0x41' ? armParts[part] : undefined) ?? `${vendor} part ${part}` }
}
