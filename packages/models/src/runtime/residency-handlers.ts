import { SomaError } from '@soma/core'
import { type CallContext, type CallOutput, type EngineDescriptor, type Handlers, type ResidencySetting, type ValidInput } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { modelToChange } from '../versions/may-follow.ts'
import { checkFiles } from './check-files.ts'
import { explainModel } from './explain.ts'
import type { NameOf } from './history.ts'
import { type Override, RESIDENCY_KIND, SETTINGS_KIND, checkSettings } from './model-settings.ts'
import { residencyText } from './residency-text.ts'
import type { Runtime } from './runtime.ts'

type ResidencyCall = 'model.resident' | 'model.residency' | 'model.configure' | 'model.explain'

/** The calls that say, and change, when and how models are in memory. */
export function createResidencyHandlers(runtime: Runtime): Required<Pick<Handlers, ResidencyCall>> {
  return {
    'model.resident': (_input, ctx) => ({
      models: runtime.residents.list(namesFor(ctx)).filter(({ model }) => ctx.allows(`model/${model}`, 'list')),
      budgets: runtime.residents.budgets(),
    }),
    'model.residency': (input, ctx) => setResidency(runtime, input, ctx),
    'model.configure': (input, ctx) => configure(runtime, input, ctx),
    'model.explain': async ({ model }, ctx) => await explainModel(runtime.explains, model, { signal: ctx.signal, nameOf: namesFor(ctx) }),
  }
}

/** Reasons name other models only to those who may list them. */
function namesFor(ctx: Pick<CallContext, 'allows'>): NameOf {
  return (model) => (ctx.allows(`model/${model}`, 'list') ? model : 'another model')
}

function setResidency(runtime: Runtime, input: ValidInput<'model.residency'>, ctx: CallContext): CallOutput<'model.residency'> {
  const { effects } = ctx
  const { name } = modelToManage(runtime, input.model, ctx)
  const residency = nextResidency(runtime.host.residencyOf(name), input)
  effects.require(() => void runtime.modelOf(name))
  effects.put(RESIDENCY_KIND, name, residency)
  effects.emit({
    name: 'model.changed',
    resource: `model/${name}`,
    data: { name, residency: residencyText(residency), pinned: residency.pinned },
  })
  effects.committed(() => runtime.host.setResidency(name, residency))
  return { name, residency }
}

function modelToManage(runtime: Runtime, name: string, ctx: CallContext): InstalledModel {
  return modelToChange({ get: (one) => runtime.modelOf(one) }, name, ctx, 'manage')
}

function nextResidency(
  before: ResidencySetting,
  { mode = before.mode, seconds, pinned = before.pinned }: ValidInput<'model.residency'>,
): ResidencySetting {
  const isTimed = mode === 'timeout' || mode === 'swap'
  if (seconds !== undefined && !isTimed)
    throw new SomaError('call/invalid-input', `only timeout and swap have seconds; ${mode} has none`, { details: { mode, seconds } })
  const kept = seconds ?? (mode === before.mode ? before.seconds : undefined)
  return { mode, pinned, ...(isTimed && kept !== undefined && { seconds: kept }) }
}

function configure(runtime: Runtime, input: ValidInput<'model.configure'>, ctx: CallContext): CallOutput<'model.configure'> {
  const { effects } = ctx
  const model = modelToManage(runtime, input.model, ctx)
  const { name } = model
  const next = nextOverride(runtime.host.settings.override(name), input)
  const engine = checkOverride(runtime, model, next)
  if (engine) checkFiles(engine, input.settings ?? {}, ctx)
  effects.require(() => void runtime.modelOf(name))
  effects.put(SETTINGS_KIND, name, next)
  effects.emit({ name: 'model.changed', resource: `model/${name}`, data: { name, engine: next.engine, device: next.device } })
  effects.committed(() => runtime.host.configure(model, next))
  return { name, ...next, settings: next.settings as CallOutput<'model.configure'>['settings'] }
}

function nextOverride(
  before: Override,
  { engine = before.engine, device = before.device, settings = {} }: ValidInput<'model.configure'>,
): Override {
  const own = engine === before.engine ? before.settings : {}
  const merged = Object.entries({ ...own, ...settings }).filter(([, value]) => value !== null)
  return { engine, device, settings: Object.fromEntries(merged) }
}

/** @returns the engine that the settings are for, when there is one. */
function checkOverride({ host }: Runtime, model: InstalledModel, next: Override): EngineDescriptor | undefined {
  const engine = next.engine ?? host.choice.of(model)
  const [setting] = Object.keys(next.settings)
  if (engine === null && setting !== undefined)
    throw new SomaError(
      'model/unsupported',
      `no engine here runs ${model.name} (${model.format}), so nobody knows its setting "${setting}"`,
      {
        details: { model: model.name, format: model.format, setting },
      },
    )
  if (engine === null) return undefined
  const { descriptor } = host.pool.status(engine).entry
  if (!descriptor.formats.includes(model.format))
    throw new SomaError(
      'model/unsupported',
      `engine ${engine} does not run the format ${model.format} of ${model.name}; it runs ${descriptor.formats.join(', ')}`,
      {
        details: { model: model.name, engine, formats: descriptor.formats },
      },
    )
  checkSettings(descriptor, next.settings)
  return descriptor
}
