import { SomaError } from '@soma/core'
import type { CallContext, CallOutput, Handlers, ResidencySetting, ValidInput } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { explainModel } from './explain.ts'
import { type Override, RESIDENCY_KIND, SETTINGS_KIND, checkSettings } from './model-settings.ts'
import { residencyText } from './residency-text.ts'
import type { Runtime } from './runtime.ts'

type ResidencyCall = 'model.resident' | 'model.residency' | 'model.configure' | 'model.explain'

/** The calls that say, and change, when and how models are in memory. */
export function createResidencyHandlers(runtime: Runtime): Required<Pick<Handlers, ResidencyCall>> {
  return {
    'model.resident': (_input, ctx) => ({
      models: runtime.residents.list().filter(({ model }) => ctx.allows(`model/${model}`, 'list')),
      budgets: runtime.residents.budgets(),
    }),
    'model.residency': (input, ctx) => setResidency(runtime, input, ctx),
    'model.configure': (input, ctx) => configure(runtime, input, ctx),
    'model.explain': async ({ model }, { signal }) => await explainModel(runtime.explains, model, { signal }),
  }
}

function setResidency(runtime: Runtime, input: ValidInput<'model.residency'>, { effects }: CallContext): CallOutput<'model.residency'> {
  const { name } = runtime.modelOf(input.model)
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

function configure(runtime: Runtime, input: ValidInput<'model.configure'>, { effects }: CallContext): CallOutput<'model.configure'> {
  const model = runtime.modelOf(input.model)
  const { name } = model
  const next = nextOverride(runtime.host.settings.override(name), input)
  check(runtime, model, next)
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

function check({ host }: Runtime, model: InstalledModel, next: Override): void {
  const engine = next.engine ?? host.choice.of(model)
  if (engine === null) return
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
}
