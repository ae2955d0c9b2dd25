import { SomaError } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import type { ModelRegistry } from '../registry/registry.ts'
import { modelNotFound } from '../registry/nearest.ts'
import { ALIAS_KIND } from '../registry/record.ts'
import type { VersionDeps } from './deps.ts'
import { ALIASES_PER_MODEL_MAX } from './limits.ts'

/** The handler of `model.alias`. */
export function aliasModel(
  { registry }: Pick<VersionDeps, 'registry'>,
  { alias, model }: ValidInput<'model.alias'>,
  { effects }: CallContext,
): CallOutput<'model.alias'> {
  const { aliases } = registry
  const before = aliases.targetOf(alias) ?? null
  if (model === null) {
    removeAlias(registry, alias, effects)
    return { alias, model, before }
  }
  const target = checkAlias(registry, alias, model)
  effects.require(() => void checkAlias(registry, alias, target))
  effects.put(ALIAS_KIND, alias, { model: target })
  effects.emit({ name: 'model.aliased', resource: `model/${alias}`, data: { alias, model: target } })
  effects.committed(() => aliases.set(alias, target))
  return { alias, model: target, before }
}

/** Takes an alias away; its model stays. @throws {SomaError} `model/not-found` when nothing has this second name. */
export function removeAlias(registry: ModelRegistry, alias: string, effects: CallContext['effects']): void {
  const check = (): void => {
    if (registry.aliases.targetOf(alias) === undefined) throw modelNotFound(alias, registry.aliases.names())
  }
  check()
  effects.require(check)
  effects.delete(ALIAS_KIND, alias)
  effects.emit({ name: 'model.aliased', resource: `model/${alias}`, data: { alias, model: null } })
  effects.committed(() => registry.aliases.delete(alias))
}

/** Names are of one thing each. @returns the name of the model itself. */
function checkAlias(registry: ModelRegistry, alias: string, model: string): string {
  const { name } = registry.get(model)
  if (registry.has(alias))
    throw new SomaError(
      'model/exists',
      `${alias} is the name of a model; choose another alias, or remove that model first: \`soma model remove ${alias}\``,
      {
        details: { name: alias },
      },
    )
  const others = registry.aliases.of(name).filter((other) => other !== alias)
  if (others.length >= ALIASES_PER_MODEL_MAX)
    throw new SomaError('resource/exhausted', `${name} has ${others.length} aliases already; take one away first`, {
      details: { model: name, aliasesMax: ALIASES_PER_MODEL_MAX },
      retryable: false,
    })
  return name
}

/** Whoever takes a name for a model calls this. @throws {SomaError} `model/exists` when it is an alias. */
export function checkNotAlias({ aliases }: ModelRegistry, name: string): void {
  const model = aliases.targetOf(name)
  if (model === undefined) return
  throw new SomaError('model/exists', `${name} is an alias of ${model}; choose another name, or take the alias away first`, {
    details: { name, model },
  })
}
