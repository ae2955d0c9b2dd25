import type { BlobDigest, Clock } from '@soma/core'
import { isSomaError } from '@soma/core'
import type { CallContext, CallEvent, CallOutput, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import { type Watched, watch } from '../watched.ts'
import { inParallel } from '../parallel.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import { readKeyRing } from '../signing/key-ring.ts'
import { signatureVerdict } from '../signing/verdict.ts'
import { type RepairDeps, repairModel, repaired } from '../versions/repair.ts'
import { BlobHasher } from './blob-hasher.ts'
import { HashPool } from './hash-pool.ts'
import { HASH_THREADS_BYTES_MIN, HASH_THREADS_MAX, VERIFY_PARALLEL } from './limits.ts'
import { PACKAGE_KIND, parseRecord } from './record.ts'
import type { ModelRegistry } from './registry.ts'

export interface VerifyDeps extends RepairDeps {
  readonly store: Store
  readonly registry: ModelRegistry
  readonly clock: Clock
  /** CPUs that this process may use. */
  readonly cpus: () => number
}

type Event = CallEvent<'model.verify'>
type Output = CallOutput<'model.verify'>
type Verdict = Output['models'][number]

/** A record, and what its files were found to be. */
interface Checked {
  readonly name: string
  /** Absent when the record is damaged. */
  readonly model: InstalledModel | undefined
  readonly found: Map<InstalledFile, BlobDigest | null>
}

/**
 * The handler of `model.verify`: hashes every file as it is on the disk now, checks the records that name them and the signatures
 * over them, and gets again what is damaged if asked to. One that finds all well changes nothing.
 */
export function verifyModels(deps: VerifyDeps, input: ValidInput<'model.verify'>, ctx: CallContext): AsyncGenerator<Event, Output, void> {
  return watch<Event, Output>({ signal: ctx.signal, keyOf: ({ name, path }) => `${name} ${path}` }, async (watched) => {
    const only = input.model === undefined ? undefined : deps.registry.resolve(input.model)
    if (only !== undefined && !deps.registry.has(only)) deps.registry.get(only)
    const checked = readRecords(deps.store, only)
    await hashFiles(deps, checked, watched)
    const repairs = input.repair ? await repairAll(deps, checked, { ctx, watched }) : { fixed: new Set<BlobDigest>(), errors: new Map() }
    const ring = readKeyRing(deps.store)
    const models = checked.map((one) => verdictOf(one, repairs, (model) => signatureVerdict(model, ring)?.status ?? null))
    return { ok: models.every(({ ok }) => ok), models }
  })
}

/** From the disk and not from the registry's memory, because the disk is what is asked about. */
function readRecords(store: Store, only: string | undefined): Checked[] {
  const rows = store.records.scan(PACKAGE_KIND).filter(({ key }) => only === undefined || key === only)
  return rows.map((row) => ({ name: row.key, model: 'corrupt' in row ? undefined : soundModel(row.key, row.value), found: new Map() }))
}

function soundModel(key: string, value: unknown): InstalledModel | undefined {
  try {
    return parseRecord(key, value)
  } catch (error) {
    if (isSomaError(error, 'store/corrupt')) return undefined
    throw error
  }
}

async function hashFiles({ store, clock, cpus }: VerifyDeps, checked: readonly Checked[], watched: Watched<Event>): Promise<void> {
  const files = checked.flatMap(({ name, model, found }) => (model?.files ?? []).map((file) => ({ name, file, found })))
  const bytes = new Map(files.map(({ file }) => [file.digest, file.sizeBytes]))
  const total = bytes.values().reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  const threads = total >= HASH_THREADS_BYTES_MIN ? Math.min(cpus(), HASH_THREADS_MAX) : 0
  await using pool = threads > 0 ? new HashPool() : undefined
  const hasher = new BlobHasher({ blobs: store.blobs, clock, pool }, watched)
  await inParallel(files, threads || VERIFY_PARALLEL, async ({ name, file, found }) => {
    found.set(file, await hasher.hash(name, file))
  })
}

interface Repairs {
  readonly fixed: ReadonlySet<BlobDigest>
  /** Why a model could not be repaired, by its name. */
  readonly errors: ReadonlyMap<string, string>
}

async function repairAll(
  deps: VerifyDeps,
  checked: readonly Checked[],
  call: { readonly ctx: CallContext; readonly watched: Watched<Event> },
): Promise<Repairs> {
  const fixed = new Set<BlobDigest>()
  const errors = new Map<string, string>()
  for (const { name, model, found } of checked) {
    const damaged = [...found].filter(([file, digest]) => digest !== file.digest && !fixed.has(file.digest)).map(([file]) => file)
    if (!model || damaged.length === 0) continue
    const result = await repairModel(deps, { model, damaged }, call)
    for (const digest of result.fixed) fixed.add(digest)
    if (result.error !== null) errors.set(name, result.error)
  }
  // Whoever shares a damaged file had the same damage, whichever source mended it.
  for (const { model, found } of checked)
    if (model && [...found].some(([file, digest]) => digest !== file.digest && fixed.has(file.digest))) repaired(deps, model, call.ctx)
  return { fixed, errors }
}

function verdictOf(
  { name, model, found }: Checked,
  { fixed, errors }: Repairs,
  signatureOf: (model: InstalledModel) => Verdict['signature'],
): Verdict {
  if (!model) return { name, ok: false, record: 'corrupt', signature: null, repairError: null, files: [] }
  const files = model.files.map((file) => fileVerdict(file, found.get(file) ?? null, fixed))
  const signature = signatureOf(model)
  const whole = files.every(({ status }) => status === 'ok' || status === 'repaired')
  return { name, ok: whole && signature !== 'bad', record: 'ok', signature, repairError: whole ? null : (errors.get(name) ?? null), files }
}

function fileVerdict(
  { path, digest: expected }: InstalledFile,
  found: BlobDigest | null,
  fixed: ReadonlySet<BlobDigest>,
): Verdict['files'][number] {
  const broken = found === null ? 'missing' : found === expected ? 'ok' : 'corrupt'
  return { path, status: broken !== 'ok' && fixed.has(expected) ? 'repaired' : broken, expected, found }
}
