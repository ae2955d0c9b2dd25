import { type SomaError, isSomaError } from '@soma/core'
import {
  type CallContext,
  type CallEvent,
  type CallOutput,
  type Caller,
  type Calls,
  type Config,
  type ValidInput,
  publicReference,
} from '@soma/spec'
import type { Store } from '@soma/store'
import type { InstalledModel } from '../ports.ts'
import type { ModelRegistry } from '../registry/registry.ts'
import { type SummaryDeps, summarise } from '../registry/summary.ts'
import { ruleOnInstalled } from '../signing/policy.ts'

export interface RegisterDeps extends SummaryDeps {
  readonly registry: ModelRegistry
  readonly store: Pick<Store, 'records'>
  readonly settings: () => Pick<Config['install'], 'signatures'>
  /** The kernel's calls on behalf of who called: installing is committed before the model is loaded, and each is audited. */
  readonly calls: (caller: Caller) => Calls
}

type Input = ValidInput<'model.register'>
type Event = CallEvent<'model.register'>
type Output = CallOutput<'model.register'>

/** The handler of `model.register`: `model.install` where it is needed, then `model.load`. The model stays in memory. */
export async function* registerModel(deps: RegisterDeps, input: Input, ctx: CallContext): AsyncGenerator<Event, Output, void> {
  const found = findInstalled(deps.registry, input)
  const installed = found && isAccepted(deps, input, found) ? found : undefined
  const name = installed?.name ?? (yield* install(deps, { ...input, name: input.name ?? found?.name }, ctx))
  const readiness = await load(deps, deps.registry.get(name), ctx)
  // As it is now: it may have been replaced while it was loaded.
  const model = deps.registry.get(name)
  return { model: summarise(model, deps), alreadyInstalled: installed !== undefined, ...readiness, knowledge: model.knowledge }
}

/** What the signature policy has something against is installed again, which checks it as if it were new. A name says what is meant. */
function isAccepted(deps: RegisterDeps, input: Input, model: InstalledModel): boolean {
  return !input.reference.includes('/') || !ruleOnInstalled({ deps, input }, model).refusal
}

/** A name or an alias without a slash; or a reference that something was installed from, word for word. */
function findInstalled(registry: ModelRegistry, { reference, name }: Input): InstalledModel | undefined {
  if (!reference.includes('/')) return registry.get(reference)
  const wanted = publicReference(reference)
  const fits = (model: InstalledModel): boolean => model.wanted === wanted || model.reference === reference
  if (name !== undefined) return [registry.find(name)].find((model) => model && fits(model))
  return registry.list().find(fits)
}

async function* install({ calls }: RegisterDeps, input: Input, ctx: CallContext): AsyncGenerator<Event, string, void> {
  const { reference, name, allowUnsafe } = input
  const wanted = { reference, allowUnsafe, ...(name !== undefined && { name }) }
  const stream = calls(ctx.caller).stream('model.install', wanted, { signal: ctx.signal })
  yield* stream
  return (await stream.output).model.name
}

/** A model that does not load is installed all the same; why it does not is the answer. */
async function load({ calls, running }: RegisterDeps, model: InstalledModel, ctx: CallContext): Promise<Pick<Output, 'ready' | 'reason'>> {
  if (running.engineOf(model) === null) return { ready: false, reason: `no engine here loads the format ${model.format}` }
  try {
    await calls(ctx.caller).call('model.load', { model: model.name }, { signal: ctx.signal })
    return { ready: true, reason: '' }
  } catch (error) {
    if (!isSomaError(error) || isRefusal(error)) throw error
    return { ready: false, reason: error.message }
  }
}

/** Of the call and not of the model. */
function isRefusal({ code }: SomaError): boolean {
  return /^(call|capability|daemon)\//.test(code) || code === 'internal'
}
