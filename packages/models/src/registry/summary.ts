import type { ModelSummary } from '@soma/spec'
import type { InstalledModel, Running } from '../ports.ts'
import type { ModelRegistry } from './registry.ts'

export interface SummaryDeps {
  readonly running: Pick<Running, 'isLoaded'>
  readonly registry: Pick<ModelRegistry, 'aliases'>
}

/** A model as lists show it. */
export function summarise(model: InstalledModel, { running, registry }: SummaryDeps): ModelSummary {
  const { name, version, reference, format, task, engine, files, digest, licence, installedAt, pinned } = model
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return {
    name,
    version,
    reference,
    format,
    task,
    engine,
    sizeBytes,
    files: files.length,
    digest,
    licence,
    installedAt,
    loaded: running.isLoaded(name),
    pinned,
    aliases: registry.aliases.of(name),
  }
}
