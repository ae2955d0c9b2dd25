import type { Candidate, Pairing, SelectionRequest } from './facts.ts'
import { POINTS, SMALL_MODEL_BYTES, WIDE_VECTOR_BITS } from './limits.ts'
import { fitProblems, fitsNow, neededOn } from './memory-fit.ts'

/** Something that speaks for a candidate or against it, in points; without a sentence where it goes without saying. */
interface Point {
  readonly points: number
  readonly reason?: string
}

/** One engine on one device: its points with their reasons, and what makes it impossible. */
export function judge(pairing: Pairing, request: SelectionRequest): Candidate {
  const found = [...byPreference(pairing, request), ...byPackage(pairing, request), ...byDevice(pairing, request)]
  const problems = problemsOf(pairing, request)
  const reasons = found.flatMap(({ reason }) => (reason === undefined ? [] : [reason]))
  return {
    engine: pairing.engine.descriptor.id,
    device: pairing.device,
    score: found.reduce((sum, { points }) => sum + points, 0),
    chosen: false,
    memoryBytes: pairing.estimate ? Math.ceil(neededOn(pairing)) : null,
    reasons: problems.length > 0 && isForeign(pairing, request) ? [] : reasons,
    problems,
  }
}

function byPreference({ engine, device }: Pairing, { preference }: SelectionRequest): Point[] {
  return [
    ...(preference?.engine === engine.descriptor.id
      ? [{ points: POINTS.userEngine, reason: 'This engine was chosen for the model.' }]
      : []),
    ...(preference?.device === device ? [{ points: POINTS.userDevice, reason: 'This device was chosen for the model.' }] : []),
  ]
}

function byPackage({ engine: { descriptor } }: Pairing, { package: pkg }: SelectionRequest): Point[] {
  return [
    ...(pkg.engine === descriptor.id ? [{ points: POINTS.packageEngine, reason: 'The package is made for this engine.' }] : []),
    ...(descriptor.tasks.includes(pkg.task) ? [{ points: POINTS.taskNamed, reason: `It knows the task ${pkg.task}.` }] : []),
    ...(descriptor.remote === true ? [{ points: POINTS.remote, reason: 'It runs on another machine, to which all input is sent.' }] : []),
  ]
}

function byDevice(pairing: Pairing, request: SelectionRequest): Point[] {
  const { accelerator, device } = pairing
  if (pairing.engine.descriptor.remote === true) return []
  const now: Point[] = fitsNow(pairing, request) ? [{ points: POINTS.fitsNow, reason: 'It fits into free memory now.' }] : []
  if (device === 'cpu') return [byVectors(request), ...now]
  const small: Point = {
    points: POINTS.smallOnAccelerator,
    reason: 'The model is so small that copying to the device costs more than it gains.',
  }
  if (request.package.sizeBytes < SMALL_MODEL_BYTES) return [small, ...now]
  if (accelerator?.kind === 'npu') return [{ points: POINTS.npu, reason: 'Few models run wholly on an NPU.' }, ...now]
  if (accelerator?.unified === false)
    return [{ points: POINTS.ownMemory, reason: `${accelerator.name} has fast memory of its own.` }, ...now]
  return [
    { points: POINTS.sharedMemory, reason: `${accelerator?.name ?? device} computes faster than the CPU on the same memory.` },
    ...now,
  ]
}

function byVectors({ host }: SelectionRequest): Point {
  const bits = host.cpu?.vectorBits ?? 0
  if (bits >= WIDE_VECTOR_BITS) return { points: POINTS.wideVectors, reason: `The CPU computes with ${bits}-bit vectors.` }
  return bits > 0 ? { points: POINTS.narrowVectors, reason: `The CPU computes with ${bits}-bit vectors only.` } : { points: 0 }
}

function problemsOf(pairing: Pairing, request: SelectionRequest): string[] {
  const { descriptor, support } = pairing.engine
  const { preference, package: pkg } = request
  const other = (chosen: string | null | undefined, own: string): boolean => (chosen ?? own) !== own
  // Whoever cannot read it at all needs no further reasons.
  if (isForeign(pairing, request)) return [`It does not run the format ${pkg.format}.`]
  return [
    ...(support?.supported === false ? [sentence(support.reason || 'It cannot run on this machine')] : []),
    ...(descriptor.remote === true && preference?.allowRemote !== true
      ? [
          'It sends input to another server, which is not allowed; `soma config set engines.remote local` allows those of this machine, `any` all.',
        ]
      : []),
    ...(other(preference?.engine, descriptor.id) ? [`The engine ${preference?.engine} was chosen for the model.`] : []),
    ...(other(preference?.device, pairing.device) ? [`The device ${preference?.device} was chosen for the model.`] : []),
    ...(descriptor.remote === true ? [] : fitProblems(pairing, request)),
  ]
}

function isForeign({ engine }: Pairing, { package: pkg }: SelectionRequest): boolean {
  return !engine.descriptor.formats.includes(pkg.format)
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(capital) ? capital : `${capital}.`
}
