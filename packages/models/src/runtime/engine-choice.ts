import type { EngineDescriptor, HostFacts } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { rankEngines } from '../selection/rank-engines.ts'

/** What an engine is chosen by. */
export type Choosable = Pick<InstalledModel, 'format' | 'task' | 'engine' | 'files'>

/**
 * Which engine runs a model: what its package names, else the best of those that are here now. Chosen when it is asked for, not
 * when the model was installed, so that an engine that came since then counts.
 */
export class EngineChoice {
  readonly #engines: readonly EngineDescriptor[]
  readonly #hostFacts: () => HostFacts
  /** By format, task and whether it is large: engines neither come nor go while the daemon runs. */
  readonly #chosen = new Map<string, string | null>()

  constructor(engines: readonly EngineDescriptor[], hostFacts: () => HostFacts) {
    this.#engines = engines
    this.#hostFacts = hostFacts
  }

  of(model: Choosable): string | null {
    return model.engine ?? this.#remembered(model)
  }

  #remembered(model: Choosable): string | null {
    const key = `${model.format}\n${model.task}`
    const known = this.#chosen.get(key)
    if (known !== undefined) return known
    const chosen = this.#best(model)
    this.#chosen.set(key, chosen)
    return chosen
  }

  #best({ format, task }: Choosable): string | null {
    if (!this.#engines.some(({ formats }) => formats.includes(format))) return null
    const engines = this.#engines.map((descriptor) => ({ descriptor }))
    // Without its size: what does not fit is told by the load, with numbers.
    const ranked = rankEngines({ package: { format, task, sizeBytes: 0 }, engines, host: this.#hostFacts() })
    return ranked.find(({ chosen }) => chosen)?.engine ?? null
  }
}
