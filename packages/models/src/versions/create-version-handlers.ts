import type { Handlers } from '@soma/spec'
import { aliasModel } from './alias.ts'
import { collect } from './collect.ts'
import { outdatedModels } from './outdated.ts'
import { pinModel } from './pin.ts'
import { rollBack } from './rollback.ts'
import { type UpdateDeps, updateModel } from './update.ts'
import { type UsageDeps, modelUsage } from './usage.ts'

export interface VersionHandlersDeps extends UpdateDeps, UsageDeps {}

export type VersionCall =
  | 'model.outdated'
  | 'model.update'
  | 'model.rollback'
  | 'model.pin'
  | 'model.alias'
  | 'model.usage'
  | 'model.collect'

/** The calls on versions of models and on the disk that they take. */
export function createVersionHandlers(deps: VersionHandlersDeps): Required<Pick<Handlers, VersionCall>> {
  return {
    'model.outdated': (input, ctx) => outdatedModels(deps, input, ctx),
    'model.update': (input, ctx) => updateModel(deps, input, ctx),
    'model.rollback': (input, ctx) => rollBack(deps, input, ctx),
    'model.pin': (input, ctx) => pinModel(deps, input, ctx),
    'model.alias': (input, ctx) => aliasModel(deps, input, ctx),
    'model.usage': (_input, ctx) => modelUsage(deps, ctx),
    'model.collect': (input, ctx) => collect(deps, input, ctx),
  }
}
