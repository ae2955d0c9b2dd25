import type { ModelSummary } from '@soma/spec'
import type { InstalledModel, Running } from '../ports.ts'

/** A model as lists show it. */
export function summarise(model: InstalledModel, running: Pick<Running, 'isLoaded'>): ModelSummary {
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
    aliases: [],
  }
}
