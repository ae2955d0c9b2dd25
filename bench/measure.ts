/** Figures of one side of a row. Times are in the row's unit. */
export interface Figures {
  readonly p50: number
  readonly p99: number
  readonly n: number
}

/** One side of a comparison: does the work once and says what it measured, in the row's unit. */
export type Sample = () => Promise<number> | number

export interface Row {
  readonly name: string
  readonly what: string
  /** The reference, in words. */
  readonly against: string
  readonly unit: 'µs' | 'ms' | 'MB/s' | 'calls/s' | 'tokens/s' | 'requests/s' | 'loads' | 'MB'
  /** What is promised, in words, and whether figures keep it. */
  readonly target: string
  met(ours: Figures, reference: Figures, extra: Readonly<Record<string, number>>): boolean
  /** A program that is lacking here, and how to get it; the row is left out then. */
  needs?(): string | undefined
  /** Sets up both sides; they are measured in turns, so that a noisy machine disturbs both alike. */
  setUp(): Promise<Sides>
}

export interface Sides extends AsyncDisposable {
  readonly ours: Sample
  readonly reference: Sample
  readonly warmups: number
  readonly samples: number
  /** Other figures of the run, such as memory growth. */
  extra?(): Readonly<Record<string, number>>
}

export interface Result {
  readonly row: string
  readonly unit: string
  readonly ours: Figures
  readonly reference: Figures
  /** ours.p50 / reference.p50 */
  readonly ratio: number
  readonly target: string
  readonly met: boolean
  readonly extra: Readonly<Record<string, number>>
}

/** Measures a row: ours and the reference in turns, medians compared. */
export async function measure(row: Row): Promise<Result> {
  await using sides = await row.setUp()
  const ours: number[] = []
  const reference: number[] = []
  for (let turn = -sides.warmups; turn < sides.samples; turn++) {
    const ourSample = await sides.ours()
    const referenceSample = await sides.reference()
    if (turn < 0) continue
    ours.push(ourSample)
    reference.push(referenceSample)
  }
  const [a, b] = [figures(ours), figures(reference)]
  const extra = sides.extra?.() ?? {}
  return {
    row: row.name,
    unit: row.unit,
    ours: a,
    reference: b,
    ratio: a.p50 / b.p50,
    target: row.target,
    met: row.met(a, b, extra),
    extra,
  }
}

export function figures(samples: readonly number[]): Figures {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (quantile: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), n: sorted.length }
}

/** Milliseconds of `count` runs of `work`, divided by `count`: for work too short to be timed alone. */
export async function timed(count: number, work: () => unknown): Promise<number> {
  const start = performance.now()
  for (let index = 0; index < count; index++) await work()
  return (performance.now() - start) / count
}
