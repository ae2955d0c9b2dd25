import type { ModelSummary } from '@soma/spec'
import type { InstalledModel, Running } from '../ports.ts'
import type { ModelRegistry } from './registry.ts'

export interface SummaryDeps {
  readonly running: Pick<Running, 'isLoaded' | 'engineOf'>
  readonly registry: Pick<ModelRegistry, 'aliases'>
}

type Lasting = Omit<ModelSummary, 'loaded' | 'aliases' | 'engine'>

/** What a record says never changes: worked out once, because lists of thousands of models ask for it again and again. */
const lasting = new WeakMap<InstalledModel, Lasting>()

/** A model as lists show it. */
export function summarise(model: InstalledModel, { running, registry }: SummaryDeps): ModelSummary {
  let known = lasting.get(model)
  if (!known) lasting.set(model, (known = lastingOf(model)))
  return { ...known, engine: running.engineOf(model), loaded: running.isLoaded(model.name), aliases: registry.aliases.of(model.name) }
}

function lastingOf(model: InstalledModel): Lasting {
  const { name, version, reference, wanted, format, task, files, digest, licence, installedAt, pinned } = model
  return {
    name,
    version,
    reference,
    wanted,
    format,
    task,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    files: files.length,
    digest,
    licence,
    installedAt,
    pinned,
  }
}
