import { type SomaError, isSomaError, toSomaError } from '@soma/core'
import type { CallOutput, Check, EngineDescriptor, EngineSupport, Handlers, HostFacts } from '@soma/spec'
import { inParallel } from '../parallel.ts'
import { DOCTOR_PARALLEL } from './limits.ts'

type Diagnosis = CallOutput<'engine.doctor'>['engines'][number]

export interface EngineDoctorDeps {
  readonly engines: () => readonly EngineDescriptor[]
  /** Starts an engine where none runs, and asks it. */
  readonly ask: (engine: string, waits: { readonly signal: AbortSignal }) => Promise<{ readonly support: EngineSupport }>
  readonly hostFacts: () => HostFacts
}

/** `engine.doctor`: whether each engine starts, what it says of this machine, and which accelerators it leaves unused. */
export function createEngineDoctor(deps: EngineDoctorDeps): Required<Pick<Handlers, 'engine.doctor'>> {
  return {
    'engine.doctor': async ({ engine }, ctx) => {
      const wanted = deps.engines().filter(({ id }) => (engine === undefined ? ctx.allows(`engine/${id}`, 'read') : id === engine))
      // Asked by name it must be there; asking it says so.
      if (engine !== undefined && wanted.length === 0) await deps.ask(engine, ctx)
      const engines: Diagnosis[] = []
      await inParallel(wanted.entries(), DOCTOR_PARALLEL, async ([index, descriptor]) => {
        engines[index] = await examine(descriptor, deps, ctx)
      })
      return { engines }
    },
  }
}

async function examine(descriptor: EngineDescriptor, deps: EngineDoctorDeps, waits: { readonly signal: AbortSignal }): Promise<Diagnosis> {
  try {
    const { support } = await deps.ask(descriptor.id, waits)
    return diagnoseEngine(descriptor, support, deps.hostFacts())
  } catch (thrown) {
    waits.signal.throwIfAborted()
    return { engine: descriptor.id, supported: false, devices: [], checks: [notStarted(toSomaError(thrown))] }
  }
}

/** What an engine said of itself, and what follows from it. Pure. */
export function diagnoseEngine(descriptor: EngineDescriptor, support: EngineSupport, host: HostFacts): Diagnosis {
  const own = support.checks ?? []
  const started: Check = { id: 'start', title: 'Process', status: 'ok', detail: 'starts and answers' }
  const explained = support.supported || own.some(({ status }) => status === 'fail')
  const checks = [started, ...own, ...(explained ? [] : [unsupported(support)]), ...unusedAccelerators(descriptor, support, host)]
  return { engine: descriptor.id, supported: support.supported, devices: [...support.devices], checks }
}

function unsupported({ reason }: EngineSupport): Check {
  return { id: 'support', title: 'This machine', status: 'fail', detail: reason || 'the engine cannot run here and does not say why' }
}

/** Accelerators that it could speak to, by its own word, and does not, without saying why. */
function unusedAccelerators({ apis = [], id }: EngineDescriptor, support: EngineSupport, host: HostFacts): Check[] {
  const { supported, devices, checks = [] } = support
  if (!supported) return []
  const isTold = (device: string): boolean => devices.includes(device) || checks.some(({ detail }) => detail.includes(device))
  const unused = (host.accelerators ?? []).filter((found) => !isTold(found.id) && found.apis.some((api) => apis.includes(api)))
  return unused.map(({ id: device, name, apis: offered }) => ({
    id: `accelerator-${device.replace(':', '-')}`,
    title: name,
    status: 'warn',
    detail: `${device} is here, and engine ${id} does not use it`,
    remedy: `Install what the engine needs for ${offered.filter((api) => apis.includes(api)).join(' or ')}, then run \`soma engine doctor ${id}\` again.`,
  }))
}

function notStarted(error: SomaError): Check {
  const remedy = isSomaError(error, 'engine/missing') ? {} : { remedy: 'The daemon’s log has what the process wrote before it ended.' }
  return { id: 'start', title: 'Process', status: 'fail', detail: error.message, ...remedy }
}
