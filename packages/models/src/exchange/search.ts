import { type Clock, SomaError, isSomaError, throwIfAborted, toSomaError, untilAborted } from '@soma/core'
import type { CallContext, CallOutput, EngineDescriptor, HostFacts, SearchHit, Source, ValidInput } from '@soma/spec'
import { startDeadline } from '../deadline.ts'
import { withBoundedHit } from '../install/bounded-words.ts'
import type { ModelRegistry } from '../registry/registry.ts'
import { REFERENCE_LENGTH_MAX, SEARCH_HITS_PER_SOURCE, SEARCH_MS_MAX } from './limits.ts'
import { type RankedHit, rankHits } from './rank.ts'

export interface SearchDeps {
  readonly sources: readonly Source[]
  readonly registry: ModelRegistry
  readonly engines: () => readonly EngineDescriptor[]
  readonly hostFacts: () => Pick<HostFacts, 'memoryBytes'>
  readonly clock: Clock
  readonly settings: () => { readonly offline: boolean }
}

type Output = CallOutput<'model.search'>
type Answer = Output['sources'][number] & { readonly found: readonly SearchHit[] }

/** The handler of `model.search`. A source that fails or is slow is named in the answer, and keeps nobody from the others' hits. */
export async function searchModels(deps: SearchDeps, input: ValidInput<'model.search'>, ctx: CallContext): Promise<Output> {
  const asked = sourcesToAsk(deps.sources, input, ctx)
  if (deps.settings().offline)
    throw new SomaError(
      'source/offline',
      'searching needs the network, and offline mode is on; soma config set install.offline false ends it',
    )
  const asking = asked.map(async (source) => ask(deps, source, input, ctx.signal))
  const answers = (await Promise.all(asking)).filter((answer) => answer !== undefined)
  throwIfAborted(ctx.signal)
  const found = new Map(answers.map(({ source, found: hits }) => [source, hits]))
  const ranked = rankHits(found, input.query, { engines: deps.engines(), memoryBytes: deps.hostFacts().memoryBytes })
  const installed = installedNames(deps.registry, ctx)
  return {
    hits: ranked.slice(0, input.limit).map((hit) => toHit(hit, installed)),
    sources: answers.map(({ found: _found, ...answer }) => answer),
  }
}

/** Those that were named, else all that can be searched and that the caller may read. */
function sourcesToAsk(sources: readonly Source[], { sources: named }: ValidInput<'model.search'>, ctx: CallContext): Source[] {
  const unknown = named?.find((scheme) => !sources.some((source) => source.scheme === scheme))
  if (unknown !== undefined) {
    const searchable = sources.filter((source) => source.search !== undefined).map(({ scheme }) => scheme)
    throw new SomaError(
      'source/invalid-reference',
      `no source is called ${JSON.stringify(unknown)}; those that can be searched are ${searchable.join(', ') || 'none'}`,
      {
        details: { source: unknown, sources: searchable },
      },
    )
  }
  return sources.filter(
    (source) => (named ? named.includes(source.scheme) : source.search !== undefined) && ctx.allows(`source/${source.scheme}`, 'read'),
  )
}

/** @returns undefined for a source that nobody configured, unless it was named: who does not use it need not hear of it. */
async function ask(
  { clock }: SearchDeps,
  source: Source,
  input: ValidInput<'model.search'>,
  caller: AbortSignal,
): Promise<Answer | undefined> {
  const beganAt = clock.monotonic()
  const late = (): SomaError => new SomaError('call/timeout', `no answer within ${SEARCH_MS_MAX / 1000} s`)
  using deadline = startDeadline(clock, SEARCH_MS_MAX, late, caller)
  const { signal } = deadline
  const told = (found: readonly SearchHit[], error: string | null): Answer => ({
    source: source.scheme,
    hits: found.length,
    tookMs: Math.round(clock.monotonic() - beganAt),
    error,
    found,
  })
  try {
    if (!source.search) return told([], 'it cannot be searched')
    const search = source.search(input.query, { limit: SEARCH_HITS_PER_SOURCE, signal })
    // It may take no notice of its signal: it is not waited for then.
    const hits = await untilAborted(search, signal)
    const useful = hits.filter(({ reference }) => reference.length <= REFERENCE_LENGTH_MAX)
    return told(useful.slice(0, SEARCH_HITS_PER_SOURCE).map(withBoundedHit), null)
  } catch (error) {
    if (isSomaError(error, 'source/not-configured') && !input.sources) return undefined
    return told([], toSomaError(error).message)
  }
}

/** What is installed here, by what it was asked for and by what that was pinned to. */
function installedNames(registry: ModelRegistry, ctx: CallContext): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const { name, reference, wanted } of registry.list())
    if (ctx.allows(`model/${name}`, 'list'))
      for (const key of new Set([wanted, reference, withoutPin(wanted), withoutPin(reference)]))
        names.set(key, [...(names.get(key) ?? []), name])
  return names
}

/** `npm/@scope/name@1.0` without its version. */
export function withoutPin(reference: string): string {
  return reference.replace(/(?<=[^/])[@:][^/]*$/, '')
}

function toHit({ hit, source, fit }: RankedHit, installed: ReadonlyMap<string, readonly string[]>): Output['hits'][number] {
  const { reference, title, description, sizeBytes, licence, formats, task, downloads, likes, updatedAt, gated } = hit
  return {
    reference,
    source,
    title,
    description: description ?? null,
    sizeBytes: sizeBytes ?? null,
    licence: licence ?? null,
    formats: [...(formats ?? [])],
    task: task ?? null,
    downloads: downloads ?? null,
    likes: likes ?? null,
    updatedAt: updatedAt ?? null,
    gated: gated ?? false,
    ...fit,
    installed: [...(installed.get(reference) ?? [])],
  }
}
