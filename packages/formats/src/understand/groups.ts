import { SomaError } from '@soma/core'
import { SHOWN_MAX } from './limits.ts'
import { nameOf, parentOf } from './package.ts'

/** A model in one file, or in several that belong together. */
export interface Group {
  /** The first of its files. */
  readonly main: string
  /** All of them, in order. */
  readonly paths: readonly string[]
}

/** `model-00001-of-00003.safetensors`. */
const SHARD = /^(.+?)[-_.](\d{5})-of-(\d{5})(\.[^./]+)$/

/** Whether a file is one part of a model in several files, by its name. */
export function isShard(path: string): boolean {
  return SHARD.test(path)
}

/** What optimisers and trainers leave beside a model: useless for running it, and most of it pickles of classes. */
const TRAINING =
  /^(training_args\.bin|optimizer[^/]*\.(pt|bin)|scheduler[^/]*\.(pt|bin)|scaler\.pt|rng_state[^/]*\.pth|trainer_state\.json|random_states[^/]*\.pkl|events\.out\.tfevents[^/]*)$/i

/** Whether a file is state of a training run, by its name. */
export function isTrainingState(path: string): boolean {
  return TRAINING.test(nameOf(path))
}

/**
 * Puts the parts of models in several files together.
 * @throws {SomaError} `package/no-model` when a part is missing.
 */
export function groupShards(paths: readonly string[]): Group[] {
  const shards = new Map<string, string[]>()
  const groups: Group[] = []
  for (const path of [...paths].sort()) {
    const [, prefix, , count, extension] = SHARD.exec(path) ?? []
    if (prefix === undefined) groups.push({ main: path, paths: [path] })
    else shards.set(`${prefix} ${count} ${extension}`, [...(shards.get(`${prefix} ${count} ${extension}`) ?? []), path])
  }
  for (const parts of shards.values()) groups.push(whole(parts))
  return groups.sort((a, b) => depthOf(a.main) - depthOf(b.main) || (a.main < b.main ? -1 : 1))
}

function whole(parts: readonly string[]): Group {
  const [main = ''] = parts
  const count = Number(SHARD.exec(main)?.[3])
  if (parts.length === count) return { main, paths: parts }
  throw new SomaError('package/no-model', `${main} is one of ${count} files, of which the package holds ${parts.length}`, {
    details: { found: parts.slice(0, SHOWN_MAX), expected: count },
  })
}

export function depthOf(path: string): number {
  return parentOf(path) === '' ? 0 : parentOf(path).split('/').length
}
