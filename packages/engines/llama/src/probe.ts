import type { Check, EngineSupport, HostFacts } from '@soma/spec'
import { isSomaError } from '@soma/core'
import { messageOf } from './errors.ts'
import { type Gpu, LIBRARY_VERSION, type Runtime, gpuPackage } from './runtime.ts'

/** Interfaces that llama.cpp is built for here, best first. */
const gpus = ['cuda', 'metal', 'vulkan'] as const satisfies readonly Gpu[]

/** Whether llama.cpp loads, how well it fits this CPU, and which accelerators lie idle for want of a build. */
export async function probe(runtime: Runtime, host: HostFacts): Promise<EngineSupport> {
  const cpu = await checkCpu(runtime, host)
  if (cpu.reason !== '') return { supported: false, reason: cpu.reason, devices: [], checks: cpu.checks }
  const devices: string[] = []
  const checks = [...cpu.checks]
  for (const gpu of gpus) {
    const ids = (host.accelerators ?? []).filter(({ apis, id }) => apis.includes(gpu) && isOf(gpu, id)).map(({ id }) => id)
    if (ids.length === 0) continue
    const check = await checkGpu(runtime, gpu, ids)
    checks.push(check)
    // One device of another interface counts as that interface's first.
    if (check.status === 'ok') devices.push(...ids.map((id, index) => (id.startsWith(`${gpu}:`) ? id : `${gpu}:${index}`)))
  }
  return { supported: true, reason: '', devices: [...new Set(devices), 'cpu'], checks }
}

/** A device that CUDA or Metal reaches is not offered a second time through Vulkan. */
function isOf(gpu: (typeof gpus)[number], id: string): boolean {
  return gpu !== 'vulkan' || !/^(cuda|metal):/.test(id)
}

async function checkCpu(runtime: Runtime, { arch, cpu }: HostFacts): Promise<{ readonly reason: string; readonly checks: Check[] }> {
  const title = 'llama.cpp loads'
  try {
    const llama = await runtime.llama(false)
    const vectors = /AVX512 = 1/.test(llama.systemInfo) ? 'AVX-512' : /AVX2 = 1/.test(llama.systemInfo) ? 'AVX2' : undefined
    const loads: Check = { id: 'llama-binary', title, status: 'ok', detail: `node-llama-cpp ${LIBRARY_VERSION}, built for ${arch}` }
    if (arch !== 'x64') return { reason: '', checks: [loads] }
    return { reason: '', checks: [loads, checkVectors(vectors, cpu?.features ?? [])] }
  } catch (error) {
    const reason = messageOf(error)
    return {
      reason,
      checks: [
        { id: 'llama-binary', title, status: 'fail', detail: reason, remedy: `npm install ${gpuPackage(false)}@${LIBRARY_VERSION}` },
      ],
    }
  }
}

function checkVectors(used: string | undefined, features: readonly string[]): Check {
  const common = { id: 'llama-vectors', title: 'llama.cpp uses wide vectors' } as const
  if (used !== undefined) return { ...common, status: 'ok', detail: used }
  const has = features.includes('avx2')
  return {
    ...common,
    status: 'warn',
    detail: has ? 'the CPU has AVX2, and llama.cpp does not use it' : 'the CPU has no AVX2: a model takes about four times as long',
    ...(has && { remedy: `reinstall the build: npm install ${gpuPackage(false)}@${LIBRARY_VERSION}` }),
  }
}

async function checkGpu(runtime: Runtime, gpu: Exclude<Gpu, false>, ids: readonly string[]): Promise<Check> {
  const common = { id: `llama-${gpu}`, title: `llama.cpp runs on ${gpu}` }
  try {
    await runtime.canLoad(gpu)
    return { ...common, status: 'ok', detail: ids.join(', ') }
  } catch (error) {
    const detail = `${ids.join(', ')} lies idle: ${isSomaError(error) ? error.message : messageOf(error)}`
    return { ...common, status: 'warn', detail, remedy: `npm install ${gpuPackage(gpu)}@${LIBRARY_VERSION}` }
  }
}
