import { SomaError } from '@soma/core'
import type { Store } from '@soma/store'
import type { InstalledModel } from '../ports.ts'
import type { Judgement } from './judge.ts'
import { readKeyRing } from './key-ring.ts'
import { signatureVerdict } from './verdict.ts'

/** What the policy says of a package: to warn of it, or not to install it. */
export interface Ruling {
  readonly warning?: string
  readonly refusal?: SomaError
}

/** What `install.signatures` says. */
export type SignaturePolicy = 'off' | 'warn' | 'enforce'

/** What is needed to rule: the policy, the keys, and what the package is called. */
interface RulingContext {
  readonly deps: { readonly store: Pick<Store, 'records'>; readonly settings: () => { readonly signatures?: SignaturePolicy } }
  readonly input: { readonly reference: string }
}

/** Of a package that is installed already, maybe under another policy: by the signature that was kept, and the keys trusted today. */
export function ruleOnInstalled(context: RulingContext, model: InstalledModel): Ruling {
  return policyOf(context) === 'off' ? {} : rule(context, signatureVerdict(model, readKeyRing(context.deps.store)))
}

/** @throws {SomaError} `package/unsigned`, `package/bad-signature`. */
export function applyRuling(
  { report }: { readonly report: (event: { readonly type: 'warning'; readonly message: string }) => void },
  { warning, refusal }: Ruling,
): void {
  if (refusal) throw refusal
  if (warning !== undefined) report({ type: 'warning', message: warning })
}

/** What this machine wants of signatures now. */
export function policyOf({ deps }: RulingContext): SignaturePolicy {
  return deps.settings().signatures ?? 'off'
}

/** @param judgement null where nobody signed. */
export function rule(context: RulingContext, judgement: Judgement | null): Ruling {
  const policy = policyOf(context)
  if (policy === 'off' || judgement?.status === 'ok') return {}
  const { reference } = context.input
  if (judgement?.status === 'bad') {
    const details = { reference, reason: judgement.reason, signers: judgement.signers }
    const message = `the signature of ${reference} is wrong: ${judgement.reason}; do not trust this package`
    return { refusal: new SomaError('package/bad-signature', message, { details }) }
  }
  const what = judgement ? `the signature of ${reference} cannot be relied on: ${judgement.reason}` : `${reference} is not signed`
  if (policy === 'warn') return { warning: what }
  const details = { reference, reason: judgement?.reason ?? 'no signature', signers: judgement?.signers ?? [] }
  const message = `${what}; import and trust the signer’s key (soma key import), or set install.signatures to warn`
  return { refusal: new SomaError('package/unsigned', message, { details }) }
}
