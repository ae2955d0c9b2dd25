import { toSomaError } from '@soma/core'
import type { CallOutput, EngineDescriptor, HostFacts } from '@soma/spec'
import { inParallel } from '../parallel.ts'
import type { InstalledModel, Registry } from '../ports.ts'
import { rankEngines } from '../selection/rank-engines.ts'
import type { EngineAnswer } from './device-choice.ts'
import { EXPLAIN_PARALLEL } from './limits.ts'
import { type NameOf, say } from './history.ts'
import type { ModelHost } from './model-host.ts'
import { withOverride } from './model-settings.ts'
import type { Residents } from './residents.ts'

export interface ExplainDeps {
  readonly host: ModelHost
  readonly residents: Residents
  readonly registry: Registry
  readonly hostFacts: () => HostFacts
}

/** `model.explain`: asks every engine of the model's format what it could do with it, here and now. */
export async function explainModel(
  deps: ExplainDeps,
  name: string,
  { nameOf, ...waits }: { readonly signal: AbortSignal; readonly nameOf: NameOf },
): Promise<CallOutput<'model.explain'>> {
  const { host, residents, registry } = deps
  const model = registry.get(name)
  const answers = await askAll(deps, model, waits)
  const candidates = rank(deps, model, answers)
  const chosen = candidates.find((candidate) => candidate.chosen)
  return {
    name: model.name,
    format: model.format,
    task: model.task,
    candidates,
    resident: residents.of(model.name, nameOf, { engine: chosen?.engine ?? '', device: chosen?.device ?? 'cpu' }),
    budgets: residents.budgets(),
    history: host.history.of(model.name).map((happening) => ({ ...happening, why: say(happening.why, nameOf) })),
  }
}

function rank(
  { host, residents, hostFacts }: ExplainDeps,
  model: InstalledModel,
  answers: readonly EngineAnswer[],
): CallOutput<'model.explain'>['candidates'] {
  const override = host.settings.override(model.name)
  const engine = host.engineOf(model)
  const ranked = rankEngines({
    package: {
      format: model.format,
      task: model.task,
      sizeBytes: model.files.reduce((sum, file) => sum + file.sizeBytes, 0),
      engine: model.engine,
    },
    engines: answers,
    host: hostFacts(),
    budgets: residents.budgets(),
    preference: { engine: override.engine, device: override.device, allowRemote: true },
    estimates: answers.flatMap(({ estimates }) => estimates),
  })
  // What would really run it, whatever speaks for the others.
  const first = ranked.find((candidate) => candidate.engine === engine && (override.device ?? candidate.device) === candidate.device)
  return ranked.map((candidate) => ({ ...candidate, chosen: candidate === first && candidate.problems.length === 0 }))
}

async function askAll(
  { host, registry }: ExplainDeps,
  model: InstalledModel,
  waits: { readonly signal: AbortSignal },
): Promise<EngineAnswer[]> {
  const answers = host.pool.entries.map(({ descriptor }): EngineAnswer => ({ descriptor, estimates: [] }))
  await using pkg = await registry.open(model)
  await inParallel(answers.entries(), EXPLAIN_PARALLEL, async ([index, { descriptor }]) => {
    if (!descriptor.formats.includes(model.format)) return
    const chosen = withOverride(model, descriptor.id, host.settings.override(model.name))
    answers[index] = await host.ask(chosen, pkg, waits).catch((error: unknown) => unable(descriptor, error, waits.signal))
  })
  return answers
}

function unable(descriptor: EngineDescriptor, thrown: unknown, signal: AbortSignal): EngineAnswer {
  const error = toSomaError(thrown)
  if (signal.aborted || error.code === 'daemon/stopping') throw error
  return { descriptor, support: { supported: false, reason: error.message, devices: [] }, estimates: [] }
}
