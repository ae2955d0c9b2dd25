import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import { writeManifest } from '../package/manifest.ts'
import type { Running } from '../ports.ts'
import { readKeyRing } from '../signing/key-ring.ts'
import { signatureVerdict } from '../signing/verdict.ts'
import type { ModelRegistry } from './registry.ts'
import { summarise } from './summary.ts'

export interface ListDeps {
  readonly registry: ModelRegistry
  readonly running: Running
}

/** The handler of `model.list`: only what the caller may see. */
export function listModels(deps: ListDeps, ctx: CallContext): CallOutput<'model.list'> {
  const visible = deps.registry.list().filter(({ name }) => ctx.allows(`model/${name}`, 'list'))
  return { models: visible.map((model) => summarise(model, deps)) }
}

export interface ShowDeps extends ListDeps {
  readonly store: Pick<Store, 'records'>
}

/** The handler of `model.show`. */
export function showModel(deps: ShowDeps, { model: name }: ValidInput<'model.show'>): CallOutput<'model.show'> {
  const { registry, store } = deps
  const model = registry.get(name)
  const manifestYaml = writeManifest(model.manifest)
  return {
    model: summarise(model, deps),
    files: model.files.map((file) => ({ ...file })),
    signature: model.signature && { inputs: model.signature.inputs.map(toMutable), outputs: model.signature.outputs.map(toMutable) },
    knowledge: model.knowledge,
    versions: registry.versions
      .of(model.name)
      .map(({ model: { version, reference, digest, installedAt } }) => ({ version, reference, digest, installedAt })),
    signers: [...(signatureVerdict(model, readKeyRing(store))?.signers ?? [])],
    // Records hold JSON only, and the schema's types know less than that.
    manifest: structuredClone(model.manifest) as CallOutput<'model.show'>['manifest'],
    manifestYaml,
  }
}

function toMutable<Spec extends { readonly shape: readonly number[] | null }>(spec: Spec): Spec & { shape: number[] | null } {
  return { ...spec, shape: spec.shape && [...spec.shape] }
}
