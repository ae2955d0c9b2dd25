import { SomaError } from '@soma/core'
import type { InferenceSession } from 'onnxruntime-node'
import { messageOf } from './errors.ts'
import type { OrtRuntime } from './runtime.ts'

/** An execution provider of onnxruntime, as its sessions name it. */
export type Provider = 'cuda' | 'dml' | 'coreml' | 'webgpu'

/** Where a model runs. */
export interface Place {
  /** `cpu`, or the device's id with its number: `cuda:0`. */
  readonly device: string
  readonly executionProviders: InferenceSession.ExecutionProviderConfig[]
}

export const cpu: Place = { device: 'cpu', executionProviders: ['cpu'] }

/** By the name before the number: accelerators as the host names them, and providers by their own names. */
const providers: Readonly<Record<string, Provider>> = {
  cuda: 'cuda',
  directml: 'dml',
  coreml: 'coreml',
  npu: 'coreml',
  webgpu: 'webgpu',
  vulkan: 'webgpu',
  metal: 'webgpu',
}

/** What to do where a provider is not there. */
export const remedies: Readonly<Record<Provider, string>> = {
  cuda: 'npm install onnxruntime-node@1.30.0 --onnxruntime-node-install=cuda12, and the libraries of CUDA 12 and cuDNN 9',
  dml: 'use Windows 10 or later with a graphics driver for DirectX 12',
  coreml: 'use macOS on Apple silicon',
  webgpu: 'install the graphics driver with its Vulkan loader (on Debian: libvulkan1 and the driver’s Vulkan package)',
}

/** One node that copies its input: a session of it proves that a provider starts. */
const trial = Buffer.from('CAg6OwoQCgF4EgF5IghJZGVudGl0eRIFZ3JhcGhaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAR', 'base64')

/** The provider for a device; undefined for one that onnxruntime-node has none for. */
export function providerOf(device: string): Provider | undefined {
  return providers[device.split(':')[0] ?? '']
}

/**
 * Where to run a model that is wanted on a device.
 * @throws {SomaError} `engine/missing` saying what to install, or which devices there are.
 */
export async function placeOn(runtime: OrtRuntime, device: string): Promise<Place> {
  if (device === 'cpu') return cpu
  const options = optionsOf(device)
  const why = await whyNot(runtime, options)
  if (why !== undefined) throw missing(device, `${why}; ${remedies[options.name]}`)
  return { device: numbered(device), executionProviders: [options, 'cpu'] }
}

/** With its number: the first where none is named. */
export function numbered(device: string): string {
  return device === 'cpu' || device.includes(':') ? device : `${device}:0`
}

function optionsOf(device: string): { readonly name: Provider; readonly deviceId?: number } {
  const provider = providerOf(device)
  if (!provider) throw missing(device, `onnxruntime-node has no provider for it; it takes cpu, ${Object.keys(providers).join(', ')}`)
  const [name = '', number = ''] = numbered(device).split(':')
  const isChoosing = provider === 'webgpu' || provider === 'coreml'
  if (isChoosing && number !== '0') throw missing(device, `${provider} chooses among several itself; write ${name}:0`)
  if (!/^\d{1,3}$/.test(number)) throw missing(device, `"${number}" is no number of a device; write ${name}:0`)
  return isChoosing ? { name: provider } : { name: provider, deviceId: Number(number) }
}

async function whyNot(runtime: OrtRuntime, options: { readonly name: Provider }): Promise<string | undefined> {
  const { name: provider } = options
  if (!runtime.listSupportedBackends().some(({ name }) => name === provider))
    return `onnxruntime-node has no provider ${provider} on this platform`
  try {
    const session = await runtime.InferenceSession.create(trial, {
      executionProviders: [options],
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    })
    await session.release()
    return undefined
  } catch (error) {
    return `the provider ${provider} does not start (${messageOf(error).split('\n')[0]?.slice(-200)})`
  }
}

function missing(device: string, why: string): SomaError {
  return new SomaError('engine/missing', `device ${device} cannot be used: ${why}`, { details: { device } })
}
