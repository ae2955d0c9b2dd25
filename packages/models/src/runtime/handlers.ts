import type { Handlers } from '@soma/spec'
import type { Runtime } from './runtime.ts'

type RuntimeCall =
  | 'model.infer'
  | 'model.generate'
  | 'model.embed'
  | 'model.rerank'
  | 'model.transcribe'
  | 'model.synthesize'
  | 'model.load'
  | 'model.unload'
  | 'engine.list'
  | 'engine.show'

/** The runtime's rows of the system-call table. */
export function createRuntimeHandlers(runtime: Runtime): Required<Pick<Handlers, RuntimeCall>> {
  return {
    'model.infer': async ({ model, inputs, outputs }, { signal }) => {
      const answer = await runtime.infer(model, { inputs, outputs }, { signal })
      return { outputs: [...answer.outputs], timings: answer.timings }
    },
    'model.generate': ({ model, priority: _, deadlineMs: __, ...request }, { signal }) => runtime.generate(model, request, { signal }),
    'model.embed': ({ model, priority: _, deadlineMs: __, ...request }, { signal }) => runtime.embed(model, request, { signal }),
    'model.rerank': ({ model, priority: _, deadlineMs: __, ...request }, { signal }) => runtime.rerank(model, request, { signal }),
    'model.transcribe': ({ model, priority: _, deadlineMs: __, ...request }, { signal }) => runtime.transcribe(model, request, { signal }),
    'model.synthesize': ({ model, priority: _, deadlineMs: __, ...request }, { signal }) => runtime.synthesize(model, request, { signal }),
    'model.load': async ({ model }, { signal }) => ({ name: model, ...(await runtime.load(model, { signal })) }),
    'model.unload': async ({ model }, { signal }) => ({ name: model, wasLoaded: await runtime.unload(model, { signal }) }),
    'engine.list': (_input, ctx) => ({ engines: runtime.engines().filter(({ id }) => ctx.allows(`engine/${id}`, 'list')) }),
    'engine.show': async ({ engine }, { signal }) => {
      const { engine: status, support } = await runtime.engine(engine, { signal })
      return { engine: status, support: { ...support, devices: [...support.devices] } }
    },
  }
}
