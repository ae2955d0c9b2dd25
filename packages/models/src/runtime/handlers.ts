import { createHash } from 'node:crypto'
import { type CallContext, type GenerateRequest, type Handlers, type Priority, atMost } from '@soma/spec'
import { createResidencyHandlers } from './residency-handlers.ts'
import type { Runtime } from './runtime.ts'
import type { CallOptions } from './turn.ts'

type RuntimeCall =
  | 'model.infer'
  | 'model.generate'
  | 'model.embed'
  | 'model.rerank'
  | 'model.transcribe'
  | 'model.synthesize'
  | 'model.load'
  | 'model.unload'
  | 'model.resident'
  | 'model.residency'
  | 'model.configure'
  | 'model.explain'
  | 'engine.list'
  | 'engine.show'

/** The runtime's rows of the system-call table. */
export function createRuntimeHandlers(runtime: Runtime): Required<Pick<Handlers, RuntimeCall>> {
  return {
    ...createResidencyHandlers(runtime),
    'model.infer': async (input, ctx) => {
      const { model, inputs, outputs } = input
      const answer = await runtime.infer(model, { inputs, outputs }, optionsOf(input, ctx))
      return { outputs: [...answer.outputs], timings: answer.timings }
    },
    'model.generate': (input, ctx) => runtime.generate(input.model, withOwnSession(requestOf(input), ctx), optionsOf(input, ctx)),
    'model.embed': (input, ctx) => runtime.embed(input.model, requestOf(input), optionsOf(input, ctx)),
    'model.rerank': (input, ctx) => runtime.rerank(input.model, requestOf(input), optionsOf(input, ctx)),
    'model.transcribe': (input, ctx) => runtime.transcribe(input.model, requestOf(input), optionsOf(input, ctx)),
    'model.synthesize': (input, ctx) => runtime.synthesize(input.model, requestOf(input), optionsOf(input, ctx)),
    'model.load': async ({ model }, ctx) => ({ name: model, ...(await runtime.load(model, optionsOf({ model }, ctx))) }),
    'model.unload': async ({ model }, { signal }) => ({ name: model, wasLoaded: await runtime.unload(model, { signal }) }),
    'engine.list': (_input, ctx) => ({ engines: runtime.engines().filter(({ id }) => ctx.allows(`engine/${id}`, 'list')) }),
    'engine.show': async ({ engine }, { signal }) => {
      const { engine: status, support } = await runtime.engine(engine, { signal })
      return { engine: status, support: { ...support, devices: [...support.devices] } }
    },
  }
}

interface Urgent {
  readonly model: string
  readonly priority?: Priority | undefined
  readonly deadlineMs?: number | undefined
}

/** What is said of the call's own urgency, and who says it. */
function optionsOf({ priority: asked = 'normal', deadlineMs }: Urgent, { signal, caller, priorityMax }: CallContext): CallOptions {
  const priority = atMost(asked, priorityMax)
  return { signal, principal: caller.principal, priority, isLowered: priority !== asked, deadlineMs }
}

/** Sessions are their caller's own: how much of a prompt is cached for somebody else says what he asked. */
function withOwnSession(request: GenerateRequest, { caller }: CallContext): GenerateRequest {
  if (request.session === undefined) return request
  const session = createHash('sha256').update(`${caller.principal}\n${request.session}`).digest('hex')
  return { ...request, session }
}

/** What the engine is asked: the rest. */
function requestOf<Input extends Urgent>(input: Input): Omit<Input, keyof Urgent> {
  const { model: _model, priority: _priority, deadlineMs: _deadlineMs, ...request } = input
  return request
}
