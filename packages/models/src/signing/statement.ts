import { createHash } from 'node:crypto'
import { canonicalJson } from '@soma/core'
import { checkPackagePath } from '@soma/spec'
import { z } from 'zod'
import { SIGNED_FILES_MAX } from './limits.ts'

/**
 * What is signed: an in-toto Statement v1 as OpenSSF Model Signing 1.0 defines it, the list of all files with their sha256.
 * @see https://github.com/ossf/model-signing-spec and https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_TYPE = 'https://model_signing/signature/v1.0'

/** Signed files by path: sha256, lower-case hex. */
export type SignedFiles = ReadonlyMap<string, string>

/** A statement that was read. */
export interface Statement {
  readonly files: SignedFiles
  /** Whether a file is outside what was signed, by the signer's own word. */
  readonly ignores: (path: string) => boolean
}

/** Left out by every implementation of the specification. */
const ignoredAlways = ['.git', '.gitignore', '.gitattributes', '.github']

/** The statement that these are the files of the model, as bytes to sign. */
export function writeStatement(name: string, files: SignedFiles, ignore: readonly string[]): Buffer {
  const resources = [...files]
    .map(([path, digest]) => ({ name: path, digest, algorithm: 'sha256' }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256: rootDigest(resources) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      resources,
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [...ignore, ...ignoredAlways] },
    },
  }
  return Buffer.from(canonicalJson(statement))
}

const Hex = z.string().regex(/^[0-9a-f]{64}$/)
const StatementSchema = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.object({ name: z.string().min(1), digest: z.object({ sha256: Hex }) })]),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.object({
    resources: z
      .array(z.object({ name: z.string(), digest: z.string(), algorithm: z.string() }))
      .min(1)
      .max(SIGNED_FILES_MAX),
    serialization: z.object({ method: z.string(), hash_type: z.string(), ignore_paths: z.array(z.string()).default([]) }),
  }),
})

/** A statement, or why it is none (`bad`), or why it cannot be checked here (`unsupported`). */
export type ReadStatement = { readonly statement: Statement } | { readonly problem: string; readonly kind: 'bad' | 'unsupported' }

export function readStatement(value: unknown): ReadStatement {
  const parsed = StatementSchema.safeParse(value)
  if (!parsed.success) return bad('what it signs is not a statement on the files of a model')
  const { subject, predicate } = parsed.data
  const { method, hash_type: hash, ignore_paths: ignored } = predicate.serialization
  if (method !== 'files' || hash !== 'sha256')
    return { kind: 'unsupported', problem: `it signs ${method} by ${hash}; only files by sha256 are checked here` }
  const { resources } = predicate
  const wrong = resources.find(({ name, digest, algorithm }) => algorithm !== 'sha256' || !Hex.safeParse(digest).success || !isSafe(name))
  if (wrong) return bad(`it names ${JSON.stringify(wrong.name.slice(0, 200))} in a way that cannot be`)
  const files = new Map(resources.map(({ name, digest }) => [name, digest]))
  if (files.size < resources.length) return bad('it names a file twice')
  if (rootDigest(resources) !== subject[0].digest.sha256) return bad('its digest of the whole is not that of its parts')
  return { statement: { files, ignores: (path) => [...ignored, ...ignoredAlways].some((entry) => isBelow(path, entry)) } }
}

function bad(problem: string): ReadStatement {
  return { kind: 'bad', problem }
}

/** sha256 over the digests, raw, in order. */
function rootDigest(resources: ReadonlyArray<{ readonly digest: string }>): string {
  const hash = createHash('sha256')
  for (const { digest } of resources) hash.update(digest, 'hex')
  return hash.digest('hex')
}

function isSafe(path: string): boolean {
  try {
    return checkPackagePath(path) === path
  } catch {
    return false
  }
}

function isBelow(path: string, entry: string): boolean {
  return path === entry || path.startsWith(`${entry}/`)
}
