import type { Clock, Rng } from '@soma/core'
import { isBlobDigest } from '@soma/core'
import {
  type Artifact,
  type CallContext,
  type CallOutput,
  type EngineDescriptor,
  type Resolution,
  type Source,
  type ValidInput,
  modelNameOf,
} from '@soma/spec'
import type { Store } from '@soma/store'
import { askSource } from '../install/ask-source.ts'
import { findSource, totalBytes } from '../install/resolve.ts'
import { withRetries } from '../install/retry.ts'
import { checkFileSet } from '../package/file-set.ts'
import type { ModelRegistry } from '../registry/registry.ts'
import { enginesFor } from './fit.ts'
import { formatOfNames } from './format-of-names.ts'
import { INFO_RETRIES } from './limits.ts'

export interface InfoDeps {
  readonly store: Store
  readonly sources: readonly Source[]
  readonly registry: ModelRegistry
  readonly engines: () => readonly EngineDescriptor[]
  readonly freeBytes: () => Promise<number>
  readonly clock: Clock
  readonly rng: Rng
}

type Output = CallOutput<'model.info'>

/** The handler of `model.info`: what installing the reference would bring, and nothing of it is fetched. */
export async function modelInfo(deps: InfoDeps, { reference }: ValidInput<'model.info'>, ctx: CallContext): Promise<Output> {
  const { source, name } = findSource(reference, deps.sources)
  const onRetry = (retry: object): void => ctx.log.debug('asking the source again', { reference, ...retry })
  const resolution = await withRetries(deps, { retries: INFO_RETRIES, signal: ctx.signal, onRetry }, async () =>
    askSource(deps, { source, signal: ctx.signal }, async (signal) => source.resolve(name, { signal })),
  )
  const { artifacts, licence, description, homepage, task, warnings } = resolution
  const paths = artifacts.filter(({ kind }) => kind === 'file').map(({ path }) => path)
  checkFileSet(paths)
  const format = formatOfNames(paths, deps.engines())
  const files = artifacts.map((artifact) => toFile(deps.store, artifact))
  return {
    reference: resolution.reference,
    name: modelNameOf(resolution.suggestedName),
    version: resolution.version,
    licence: licence ?? null,
    description: description ?? null,
    homepage: homepage ?? null,
    task: task ?? null,
    format,
    engines: format === null ? [] : enginesFor([format], deps.engines()),
    sizeBytes: totalBytes(resolution),
    storedBytes: files.reduce((sum, { stored, sizeBytes }) => (stored ? sum + (sizeBytes ?? 0) : sum), 0),
    freeBytes: await deps.freeBytes(),
    files,
    choice: toChoice(resolution),
    warnings: [...(warnings ?? [])],
    installed: deps.registry
      .list()
      .filter((model) => model.reference === resolution.reference && ctx.allows(`model/${model.name}`, 'list'))
      .map((model) => model.name),
  }
}

/** What is inside an archive is not known before it is here. */
function toFile({ blobs }: Store, { path, kind, sizeBytes, integrity }: Artifact): Output['files'][number] {
  const digest = kind === 'file' && integrity?.algorithm === 'sha256' ? `sha256:${integrity.digest}` : ''
  return { path, sizeBytes: sizeBytes ?? null, stored: isBlobDigest(digest) && blobs.has(digest) }
}

function toChoice({ choice }: Resolution): Output['choice'] {
  if (!choice) return null
  const { chosen, reason, options } = choice
  return { chosen, reason, options: options.map((option) => ({ ...option, sizeBytes: option.sizeBytes ?? null })) }
}
