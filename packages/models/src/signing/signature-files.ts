import { z } from 'zod'

/**
 * A Sigstore bundle holds one signature, so that a hybrid key makes two files. The first name is the one that OpenSSF Model
 * Signing gives it: other programs check that one and need not know of the other.
 */
export const SIGNATURE_FILE_NAMES = ['model.sig', 'model.ml-dsa-65.sig'] as const

/** Signatures as the package's record keeps them. */
export interface KeptSignature {
  /** By file name. */
  readonly bundles: Readonly<Record<string, string>>
  /** `manifest.yaml` byte for byte as it was signed; null when it was not. The installed manifest says more than that. */
  readonly manifest: string | null
}

const KeptSchema = z.object({ bundles: z.record(z.string(), z.string()), manifest: z.string().nullable() })

export function writeKept(kept: KeptSignature): string {
  return JSON.stringify(kept)
}

/** @returns undefined for what was never such a text: then nobody signed. */
export function readKept(text: string | null): KeptSignature | undefined {
  if (text === null) return undefined
  try {
    return KeptSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
