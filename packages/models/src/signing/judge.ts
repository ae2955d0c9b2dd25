import { type Bundle, preAuthEncoding, readBundle } from './bundle.ts'
import type { KeyRing, KnownKey } from './key-ring.ts'
import { holds } from './signature.ts'
import { type SignedFiles, type Statement, readStatement } from './statement.ts'

/** Who signed. */
export interface Signer {
  /** The key's id where it is known here, else what the signature calls it. */
  readonly keyId: string
  readonly name: string | null
  readonly algorithm: string
  readonly trusted: boolean
}

/**
 * What signatures are worth. `ok`: by a trusted key, over exactly these files. `untrusted`: nothing is wrong with it as far as can
 * be seen, but no trusted key vouches for it. `bad`: it is not over these files, or not by the key that it names.
 */
export interface Judgement {
  readonly status: 'ok' | 'untrusted' | 'bad'
  /** A sentence for people; empty when all is well. */
  readonly reason: string
  readonly signers: readonly Signer[]
}

/** What the signatures are held against. */
export interface Signed {
  readonly files: SignedFiles
  /** Whether a signed file may be absent: left out here on purpose. */
  readonly mayLack: (path: string) => boolean
}

/** One bundle, as far as it could be judged. */
interface Opinion {
  readonly signer: Signer
  readonly key?: KnownKey
  /** Half of the key whose signature holds. */
  readonly held?: string
  readonly bad?: string
  readonly doubt?: string
}

/** Judges all signatures of a package together. */
export function judge(bundles: readonly string[], signed: Signed, ring: KeyRing): Judgement {
  const opinions = bundles.map((text) => judgeOne(text, signed, ring))
  const signers = opinions.map(({ signer }) => signer)
  const bad = opinions.find((opinion) => opinion.bad !== undefined)?.bad ?? halfMissing(opinions)
  if (bad !== undefined) return { status: 'bad', reason: bad, signers }
  if (opinions.some(({ key, held }) => key?.trusted && held !== undefined)) return { status: 'ok', reason: '', signers }
  return { status: 'untrusted', reason: opinions.find(({ doubt }) => doubt !== undefined)?.doubt ?? 'it has no signature', signers }
}

/** Of what the signature states, whatever the files are. */
export function statementOf(bundle: string): Statement | undefined {
  const read = readBundle(bundle)
  const found = read && readStatement(jsonOf(read))
  return found && 'statement' in found ? found.statement : undefined
}

/** Why the files are not those of the statement; undefined when they are. */
export function misfit({ files: stated, ignores }: Statement, { files, mayLack }: Signed): string | undefined {
  for (const [path, digest] of files) {
    const expected = stated.get(path)
    if (expected === undefined && !ignores(path)) return `${JSON.stringify(path)} is in the package, but was not signed`
    if (expected !== undefined && expected !== digest) return `${JSON.stringify(path)} is not the file that was signed`
  }
  for (const path of stated.keys()) if (!files.has(path) && !mayLack(path)) return `${JSON.stringify(path)} was signed, but is not there`
  return undefined
}

function judgeOne(text: string, signed: Signed, ring: KeyRing): Opinion {
  const bundle = readBundle(text)
  if (!bundle) return { signer: stranger('', 'unknown'), bad: 'a signature is not a Sigstore bundle v0.3 of a model' }
  const known = bundle.hint === null ? undefined : ring.byHint(bundle.hint)
  const signer = known
    ? { keyId: known.key.id, name: known.key.name, algorithm: known.half.algorithm, trusted: known.key.trusted }
    : stranger(bundle.keyId || bundle.hint || '', bundle.hint === null ? 'certificate' : 'unknown')
  if (known && !holds(known.half, preAuthEncoding(bundle.payload), bundle.signature))
    return { signer, bad: `the signature is not one of key ${known.key.name}` }
  const read = readStatement(jsonOf(bundle))
  if (!('statement' in read)) return { signer, ...(read.kind === 'bad' ? { bad: read.problem } : { doubt: read.problem }) }
  const bad = misfit(read.statement, signed)
  if (bad !== undefined) return { signer, bad }
  return known
    ? { signer, key: known.key, held: known.half.algorithm, doubt: doubtOf(known.key) }
    : { signer, doubt: doubtOf(undefined, bundle) }
}

/** A hybrid key signs twice; who takes one of both away takes away what it is for. */
function halfMissing(opinions: readonly Opinion[]): string | undefined {
  for (const { key } of opinions) {
    const held = opinions.filter((other) => other.key?.id === key?.id).map((other) => other.held)
    const missing = key?.halves.find(({ algorithm }) => !held.includes(algorithm))
    if (key && missing) return `key ${key.name} signs with ${missing.algorithm}, too, and that signature is missing`
  }
  return undefined
}

function doubtOf(key: KnownKey | undefined, bundle?: Bundle): string {
  if (key) return `key ${key.name} is not trusted here`
  if (bundle?.hint === null) return 'it was made with a certificate, which is not checked here'
  return `the key that made it (${(bundle?.keyId || bundle?.hint || '').slice(0, 80)}) is not known here`
}

function stranger(keyId: string, algorithm: string): Signer {
  return { keyId, name: null, algorithm, trusted: false }
}

function jsonOf({ payload }: Bundle): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    return undefined
  }
}
