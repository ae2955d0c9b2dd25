import { createHash } from 'node:crypto'
import { isSomaError, parseJson } from '@soma/core'
import { z } from 'zod'
import { BUNDLE_BYTES_MAX } from './limits.ts'

/**
 * A Sigstore bundle v0.3 around a DSSE envelope with one signature, made with a key.
 * @see https://docs.sigstore.dev/about/bundle/ and https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md
 */
const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

/** A bundle that was read. */
export interface Bundle {
  /** Names the key; null for a signature that is made with a certificate. */
  readonly hint: string | null
  /** The signer's own name for the key, which nothing vouches for. */
  readonly keyId: string
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** What is really signed: the payload with its type and length, so that it cannot be taken for anything else. */
export function preAuthEncoding(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.byteLength} `), payload])
}

export function writeBundle({ hint, keyId, payload, signature }: Bundle & { readonly hint: string }): string {
  return JSON.stringify({
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: Buffer.from(signature).toString('base64'), keyid: keyId }],
    },
  })
}

/** Decoded strictly: of all texts that some decoders take for the same bytes, only the canonical one. */
const Base64 = z.string().transform((text, ctx) => {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') === text) return bytes
  ctx.addIssue('expected base64')
  return z.NEVER
})

const BundleSchema = z.object({
  mediaType: z.literal(BUNDLE_MEDIA_TYPE),
  verificationMaterial: z.object({
    publicKey: z.object({ hint: z.string().max(512).nullish(), rawBytes: Base64.nullish() }).nullish(),
  }),
  dsseEnvelope: z.object({
    payload: Base64,
    payloadType: z.literal(PAYLOAD_TYPE),
    signatures: z.tuple([z.object({ sig: Base64, keyid: z.string().max(512).nullish() })]),
  }),
})

/** @returns undefined when the text is no such bundle. */
export function readBundle(text: string): Bundle | undefined {
  const parsed = text.length > BUNDLE_BYTES_MAX ? undefined : BundleSchema.safeParse(jsonOf(text))
  if (!parsed?.success) return undefined
  const { verificationMaterial, dsseEnvelope } = parsed.data
  const [{ sig, keyid }] = dsseEnvelope.signatures
  return { hint: hintOf(verificationMaterial.publicKey), keyId: keyid ?? '', payload: dsseEnvelope.payload, signature: sig }
}

/** Bundles of before the specification's final form hold the key; its hash is then the hint. */
function hintOf(publicKey: z.output<typeof BundleSchema>['verificationMaterial']['publicKey']): string | null {
  if (publicKey?.rawBytes) return createHash('sha256').update(publicKey.rawBytes).digest('hex')
  return publicKey?.hint || null
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (isSomaError(error)) return undefined
    throw error
  }
}
