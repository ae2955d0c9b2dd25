import { SomaError } from '@soma/core'
import type { ModelSummary } from '@soma/spec'
import type { CommandContext } from '../command.ts'
import { expandReference } from '../input/reference.ts'
import { listSome } from '../output/text.ts'

/** Short names that Axon has for sources. */
const shortNames: Readonly<Record<string, string>> = { ms: 'modelscope', tf: 'tfhub' }

/**
 * A reference as Axon takes it, `namespace/name[@version]`: the namespace is a source, or else one of an Axon registry.
 * Paths and web addresses work, too.
 */
export async function sourceReference(ctx: CommandContext, text: string): Promise<string> {
  const expanded = expandReference(text, process.cwd())
  const [namespace = '', ...rest] = expanded.split('/')
  if (rest.length === 0) return expanded
  const { sources } = await (await ctx.connect()).call('source.list', {}, { signal: ctx.signal })
  const scheme = shortNames[namespace] ?? namespace
  return sources.some((source) => source.scheme === scheme) ? [scheme, ...rest].join('/') : `axon/${expanded}`
}

/** What stands before and after the version in a reference. */
interface Parts {
  readonly base: string
  readonly version: string | undefined
  /** What follows a colon: a tag, a variant, a file. */
  readonly selector: string | undefined
}

/** `hf/a/b@main:onnx` → `hf/a/b`, `main`, `onnx`. An @ that begins a name (`npm/@scope/x`) and a host's port belong to the base. */
export function splitReference(reference: string): Parts {
  const at = reference.search(/(?<=[^/])@/)
  const [whole, rest] = at < 0 ? [reference, ''] : [reference.slice(0, at), reference.slice(at + 1)]
  const [, version, afterVersion] = /^(sha256:[0-9a-f]*|[^:]*)(?::(.*))?$/s.exec(rest) ?? []
  const colon = whole.search(/:(?!\d+\/)/)
  const [base, afterBase] = colon < 0 ? [whole, undefined] : [whole.slice(0, colon), whole.slice(colon + 1)]
  return { base, version: at < 0 ? undefined : version, selector: afterVersion ?? afterBase }
}

/**
 * The installed model that somebody means by its name, an alias, or the reference it came from; case does not count, as in Axon.
 * @throws {SomaError} `model/not-found`; `call/invalid-input` when it could be several.
 */
export async function findInstalled(ctx: CommandContext, text: string): Promise<string> {
  const { models } = await (await ctx.connect()).call('model.list', {}, { signal: ctx.signal })
  const found = await matching(ctx, text, models)
  const [only] = found
  if (only && found.length === 1) return only.name
  const names = listSome(found.map(({ name }) => name))
  if (only) throw new SomaError('call/invalid-input', `${text} is installed more than once; name one of ${names}`, { details: { text } })
  throw new SomaError('model/not-found', `${text} is not installed`, { details: { model: text } })
}

/** The same, or nothing. */
export async function seekInstalled(ctx: CommandContext, text: string): Promise<string | undefined> {
  const { models } = await (await ctx.connect()).call('model.list', {}, { signal: ctx.signal })
  return (await matching(ctx, text, models))[0]?.name
}

async function matching(ctx: CommandContext, text: string, models: readonly ModelSummary[]): Promise<readonly ModelSummary[]> {
  const named = models.filter(({ name, aliases }) => [name, ...aliases].includes(text.toLowerCase()))
  if (named.length > 0 || !text.includes('/')) return named
  const wanted = splitReference((await sourceReference(ctx, text)).toLowerCase())
  const found = models.filter((model) =>
    [model.reference, model.wanted].some((reference) => isOf(model, splitReference(reference.toLowerCase()), wanted)),
  )
  // One that was asked for in these words is meant before another version of it, and that before another variant.
  const askedFor = found.map((model) => ({ model, from: splitReference(model.wanted.toLowerCase()) }))
  const sameVariant = askedFor.filter(({ from }) => from.base === wanted.base && from.selector === wanted.selector)
  const same = sameVariant.filter(({ from }) => (from.version ?? 'latest') === (wanted.version ?? 'latest'))
  const [closest = []] = [same, sameVariant, askedFor].filter((some) => some.length > 0)
  return closest.map(({ model }) => model)
}

/** Shorter beginnings of a commit or a digest say too little. */
const REVISION_LENGTH_MIN = 7

/** @param from where the model came from: as it was asked for, or as it was resolved. A hub may have renamed it in between. */
function isOf(model: ModelSummary, from: Parts, wanted: Parts): boolean {
  if (from.base !== wanted.base || (wanted.selector !== undefined && wanted.selector !== from.selector)) return false
  if (wanted.version === undefined || wanted.version === 'latest') return true
  const begins = wanted.version.length >= REVISION_LENGTH_MIN && from.version?.startsWith(wanted.version) === true
  return begins || [from.version, model.version.toLowerCase()].includes(wanted.version)
}
