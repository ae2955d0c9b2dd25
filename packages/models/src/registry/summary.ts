import { type ModelSummary, publicUrl } from '@soma/spec'
import type { InstalledModel, Running } from '../ports.ts'
import type { ModelRegistry } from './registry.ts'

export interface SummaryDeps {
  readonly running: Pick<Running, 'isLoaded'>
  readonly registry: Pick<ModelRegistry, 'aliases'>
}

/** A model as lists show it. */
export function summarise(model: InstalledModel, { running, registry }: SummaryDeps): ModelSummary {
  const { name, version, reference, wanted, format, task, engine, files, digest, licence, installedAt, pinned } = model
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return {
    name,
    version,
    reference,
    wanted: publicReference(wanted),
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

/** What was asked for may carry what a server wanted to see; who lists models must not. */
function publicReference(reference: string): string {
  const url = reference.startsWith('url/') ? reference.slice('url/'.length) : ''
  return URL.canParse(url) ? `url/${publicUrl(url)}` : reference
}
