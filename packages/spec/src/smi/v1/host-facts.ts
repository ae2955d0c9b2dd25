import { z } from 'zod'

/** A device beside the CPU that models can run on. */
export const AcceleratorSchema = z
  .strictObject({
    /** How load options name it: `cuda:0`, `rocm:1`, `vulkan:0`, `metal:0`, `npu:0`. */
    id: z.string().regex(/^[a-z0-9-]+:\d+$/),
    kind: z.enum(['gpu', 'npu']),
    vendor: z.string(),
    name: z.string(),
    /** Programming interfaces that its driver offers: `cuda`, `rocm`, `vulkan`, `metal`, `level-zero`, `accel`. */
    apis: z.array(z.string()),
    /** Its own memory; null where unknown. */
    memoryBytes: z.number().nonnegative().nullable(),
    memoryFreeBytes: z.number().nonnegative().nullable(),
    /** Shares the machine's memory instead of having its own. */
    unified: z.boolean(),
    driver: z.string().nullable(),
    numaNode: z.number().int().nullable(),
  })
  .meta({ id: 'Accelerator' })
export type Accelerator = z.output<typeof AcceleratorSchema>

export const CpuFactsSchema = z
  .strictObject({
    vendor: z.string(),
    model: z.string(),
    /** Instruction sets that matter to inference: `avx2`, `avx512f`, `amx-int8`, `neon`, `sve2` … */
    features: z.array(z.string()),
    /** Width of the widest vector registers, in bits; 0 where unknown. */
    vectorBits: z.number().int().nonnegative(),
    /** Physical cores and hardware threads of the machine. */
    cores: z.number().int().positive(),
    threads: z.number().int().positive(),
    /** CPUs' worth of time that the cgroup grants; null without a quota. */
    quota: z.number().positive().nullable(),
    numaNodes: z.number().int().positive(),
    /** Runnable tasks over the last minute; null where unknown. */
    load: z.number().nonnegative().nullable(),
  })
  .meta({ id: 'CpuFacts' })
export type CpuFacts = z.output<typeof CpuFactsSchema>

/** What the machine offers: what this process may really use, not what the board has. */
export const HostFactsSchema = z
  .strictObject({
    platform: z.string(),
    arch: z.string(),
    /** CPUs that may be used: affinity and cgroup quota, rounded down to whole ones, at least 1. */
    cpus: z.number(),
    memoryBytes: z.number(),
    memoryAvailableBytes: z.number(),
    cpu: CpuFactsSchema.optional(),
    /** Best first. Absent when nobody looked. */
    accelerators: z.array(AcceleratorSchema).optional(),
    hugepages: z.strictObject({ sizeBytes: z.number(), total: z.number(), free: z.number() }).nullable().optional(),
    /** `docker`, `podman`, `kubernetes`, `lxc`, `wsl`; null on bare metal and in a full virtual machine. */
    container: z.string().nullable().optional(),
  })
  .meta({ id: 'HostFacts' })
export type HostFacts = z.output<typeof HostFactsSchema>
