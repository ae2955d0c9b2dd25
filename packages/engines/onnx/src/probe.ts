import type { Accelerator, Check, EngineSupport, HostFacts } from '@soma/spec'
import { messageOf } from './errors.ts'
import { type Provider, placeOn, providerOf, remedies } from './devices.ts'
import type { OrtRuntime } from './runtime.ts'

/** Of several interfaces to one machine's accelerators the first that works is offered: WebGPU knows the fewest operators. */
const order: readonly Provider[] = ['cuda', 'dml', 'webgpu', 'coreml']

/** Accelerators that a model really could be loaded on, best first, and for the others what they lack. */
export async function probe(runtime: OrtRuntime, { accelerators = [] }: Pick<HostFacts, 'accelerators'>): Promise<EngineSupport> {
  const devices: string[] = []
  const checks: Check[] = []
  for (const provider of order)
    for (const accelerator of accelerators.filter(({ id }) => providerOf(id) === provider)) {
      const check = await examine(runtime, provider, accelerator)
      checks.push(check)
      if (check.status === 'ok') devices.push(accelerator.id)
    }
  for (const accelerator of accelerators.filter(({ id }) => providerOf(id) === undefined)) checks.push(unknown(accelerator))
  return { supported: true, reason: '', devices: [...devices, 'cpu'], ...(checks.length > 0 && { checks }) }
}

async function examine(runtime: OrtRuntime, provider: Provider, { id, name }: Accelerator): Promise<Check> {
  const common = { id: `onnx-${id.replace(':', '-')}`, title: `onnxruntime runs on ${name}` }
  try {
    await placeOn(runtime, id)
    return { ...common, status: 'ok', detail: `${id}, through ${provider}` }
  } catch (error) {
    return { ...common, status: 'warn', detail: messageOf(error), remedy: remedies[provider] }
  }
}

function unknown({ id, name }: Accelerator): Check {
  const common = { id: `onnx-${id.replace(':', '-')}`, title: `onnxruntime runs on ${name}` } as const
  return { ...common, status: 'warn', detail: `onnxruntime-node has no provider for ${id}`, remedy: 'Models run on the CPU instead.' }
}
