import { SomaError } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import type { InstalledModel } from '../ports.ts'
import { checkUnchanged } from '../registry/check-unchanged.ts'
import type { ModelRegistry } from '../registry/registry.ts'
import { PACKAGE_KIND, blobsOf } from '../registry/record.ts'
import { modelToChange } from '../versions/may-follow.ts'
import { preAuthEncoding, writeBundle } from './bundle.ts'
import { findKey } from './key-handlers.ts'
import { readKeyRing } from './key-ring.ts'
import { packedDocuments } from './packed-documents.ts'
import { type SigningKey, openSigningKey } from './private-keys.ts'
import { type KeptSignature, SIGNATURE_FILE_NAMES, writeKept } from './signature-files.ts'
import { type SignedFiles, writeStatement } from './statement.ts'
import { signedFiles } from './verdict.ts'

export interface SignDeps {
  readonly store: Store
  readonly registry: ModelRegistry
}

/** The handler of `model.sign`. A model has one signer; who signs it anew takes the place of the one before. */
export function signModel(deps: SignDeps, input: ValidInput<'model.sign'>, ctx: CallContext): CallOutput<'model.sign'> {
  const { store, registry } = deps
  const model = modelToChange(registry, input.model, ctx)
  const known = findKey(readKeyRing(store), input.key)
  if (!known.canSign)
    throw new SomaError('key/not-found', `only the public half of key ${known.name} is here; sign with a key that soma key create made`, {
      details: { key: known.name },
    })
  for (const file of model.files) checkPresent(store, model, file)
  const { manifest } = packedDocuments(model)
  const files = signedFiles(model.files, manifest)
  const signatureBundle = writeKept({ manifest, bundles: signFiles(openSigningKey(store, known), model.name, files) })
  const signed: InstalledModel = { ...model, signatureBundle }
  ctx.effects.require(() => checkUnchanged(registry, model))
  ctx.effects.put(PACKAGE_KIND, signed.name, signed, { blobs: blobsOf(signed) })
  ctx.effects.emit({ name: 'model.signed', resource: `model/${signed.name}`, data: { name: signed.name, keyId: known.id } })
  ctx.effects.committed(() => registry.apply(signed))
  return { name: signed.name, keyId: known.id, algorithms: known.halves.map(({ algorithm }) => algorithm), files: files.size }
}

/** Signs a set of files: one bundle for each half of the key, by file name. */
export function signFiles(key: SigningKey, name: string, files: SignedFiles): KeptSignature['bundles'] {
  const payload = writeStatement(name, files, SIGNATURE_FILE_NAMES)
  const bundles = key.sign(preAuthEncoding(payload)).map(({ half, signature }) => {
    const file = half.algorithm === 'ml-dsa-65' ? SIGNATURE_FILE_NAMES[1] : SIGNATURE_FILE_NAMES[0]
    return [file, writeBundle({ hint: half.hints[0], keyId: key.publicKeys.id, payload, signature })] as const
  })
  return Object.fromEntries(bundles)
}

/** Nobody vouches for files that are not there. */
function checkPresent({ blobs }: Store, { name }: InstalledModel, { path, digest, sizeBytes }: InstalledModel['files'][number]): void {
  if (blobs.has(digest) && blobs.sizeBytes(digest) === sizeBytes) return
  throw new SomaError('package/corrupt', `${path} of ${name} is damaged; repair it with soma model verify ${name} --repair, then sign`, {
    details: { model: name, path, digest },
  })
}
