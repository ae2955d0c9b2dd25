import { createHash } from 'node:crypto'
import { type Clock, type Log, toSomaError } from '@soma/core'
import { LEARNED_KIND, type RecordWrite, type Records } from '@soma/store'
import { z } from 'zod'
import { type Habits, SAMPLES_MAX } from './adaptive.ts'
import { DEVICES_MAX, KEEP_LEARNED_MS, KNOWN_MAX } from './limits.ts'
import type { Known } from './residency-state.ts'

const Amount = z.number().nonnegative()
const Times = z.array(Amount).max(SAMPLES_MAX)

/** A record of what was learned of one model. Another version is left out: it is learned anew. */
const LearnedSchema = z.strictObject({
  version: z.literal(1),
  /** Of the package, engine, device and settings that `known` was measured with. */
  identity: z.string().length(64).nullable(),
  known: z
    .strictObject({
      needs: z
        .record(z.string().min(1).max(64), Amount)
        .refine((needs) => Object.keys(needs).length <= DEVICES_MAX, `no machine has over ${DEVICES_MAX} devices`),
      loadMs: Amount,
    })
    .nullable(),
  habits: z.strictObject({ lastAt: Amount.nullable(), firstAt: Amount.nullable(), gaps: Times, firsts: Times }),
})
type Learned = z.output<typeof LearnedSchema>

export interface LearnedDeps {
  readonly clock: Clock
  readonly log: Log
  readonly records: Pick<Records, 'scan'>
  /** Commits them together. They are no call's effects: nothing is lost with them that is not learned again. */
  readonly keep: (writes: readonly RecordWrite[]) => void
  /** As they are now; undefined for a model that is gone, or that nobody runs. */
  readonly identityOf: (model: string) => string | undefined
  readonly knownOf: (model: string) => Known | undefined
  readonly habitsOf: (model: string) => Habits
}

/**
 * What models take, how long they load and when they are called, over a restart: so that the first loads after it plan with what was
 * measured, and habits need not be shown again. Written a while after it changed, for all models together.
 */
export class LearnedRecords {
  readonly #deps: LearnedDeps
  /** Read, and not taken yet. */
  readonly #read = new Map<string, Learned>()
  readonly #kept = new Set<string>()
  readonly #changed = new Set<string>()
  #timer: Disposable | undefined

  constructor(deps: LearnedDeps) {
    this.#deps = deps
  }

  /** @returns the habits of models; the rest is asked for model by model. */
  read(): Map<string, Habits> {
    const { records, log } = this.#deps
    for (const row of records.scan(LEARNED_KIND, { after: '', limit: KNOWN_MAX })) {
      const parsed = 'corrupt' in row ? undefined : LearnedSchema.safeParse(row.value)
      this.#kept.add(row.key)
      if (parsed?.success) this.#read.set(row.key, parsed.data)
      else log.warn('what was learned of a model cannot be read; it is learned anew', { model: row.key })
    }
    return new Map([...this.#read].map(([model, { habits }]) => [model, habits]))
  }

  /** What was known of the model as it is now; once. */
  take(model: string): Known | undefined {
    const learned = this.#read.get(model)
    if (!learned) return undefined
    this.#read.delete(model)
    return learned.known && learned.identity === this.#identityOf(model) ? learned.known : undefined
  }

  /** Something was learned of it. */
  changed(model: string): void {
    if (this.#changed.size >= KNOWN_MAX) return
    this.#changed.add(model)
    this.#timer ??= this.#deps.clock.schedule(KEEP_LEARNED_MS, () => this.flush())
  }

  /** Writes what has changed. A disk that refuses costs nothing but what was learned since. */
  flush(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const writes = [...this.#changed].map((model) => this.#write(model)).filter((write) => write !== undefined)
    this.#changed.clear()
    if (writes.length === 0) return
    try {
      this.#deps.keep(writes)
      for (const { key } of writes) this.#kept.add(key)
    } catch (error) {
      this.#deps.log.warn('what was learned of models could not be kept', { error: toSomaError(error) })
    }
  }

  /** Whether there is a record that goes with the model. */
  has(model: string): boolean {
    return this.#kept.has(model)
  }

  /** The model is gone, and its record with it. */
  forget(model: string): void {
    this.#read.delete(model)
    this.#kept.delete(model)
    this.#changed.delete(model)
  }

  #write(model: string): RecordWrite | undefined {
    const { knownOf, habitsOf } = this.#deps
    const identity = this.#identityOf(model)
    if (identity === undefined) return undefined
    const known = knownOf(model) ?? null
    const value: Learned = {
      version: 1,
      identity,
      known: known && { ...known, needs: { ...known.needs } },
      habits: copyOf(habitsOf(model)),
    }
    return { action: 'put', kind: LEARNED_KIND, key: model, value }
  }

  #identityOf(model: string): string | undefined {
    const identity = this.#deps.identityOf(model)
    return identity === undefined ? undefined : createHash('sha256').update(identity).digest('hex')
  }
}

function copyOf({ lastAt, firstAt, gaps, firsts }: Habits): Learned['habits'] {
  return { lastAt, firstAt, gaps: [...gaps], firsts: [...firsts] }
}
