import type { HostFacts } from '@soma/spec'

/**
 * How many threads one engine should compute with: one per core that this process may use, less what other programs
 * keep busy. Two threads that wait for each other on busy cores are 20 times slower than one.
 * @param own threads that engines of ours keep busy, and that are therefore in the load, too.
 */
export function computeThreads(host: HostFacts, own = 0): number {
  const { cpus, cpu } = host
  if (!cpu) return Math.max(1, Math.floor(cpus))
  // Two threads of one core share its arithmetic, which is all that inference uses.
  const cores = Math.ceil((cpus * cpu.cores) / cpu.threads)
  const free = cpu.threads - Math.max(0, (cpu.load ?? 0) - own)
  return Math.max(1, Math.min(cores, Math.floor(cpus), Math.round(free)))
}
