import type { Clock, Rng } from '@soma/core'
import { diskSpace } from '@soma/host'
import type { CallContext, CallOutput, Caller, Calls, Config, EngineDescriptor, Handlers, HostFacts, Source } from '@soma/spec'
import type { Store } from '@soma/store'
import type { Running } from '../ports.ts'
import type { ModelRegistry } from '../registry/registry.ts'
import { createKeyHandlers } from '../signing/key-handlers.ts'
import { signModel } from '../signing/sign-model.ts'
import { modelInfo } from './info.ts'
import { packModel } from './pack.ts'
import { publishModel } from './publish.ts'
import { registerModel } from './register-model.ts'
import { searchModels } from './search.ts'
import { unpackArchive } from './unpack.ts'

export interface ExchangeDeps {
  readonly store: Store
  readonly registry: ModelRegistry
  readonly running: Running
  /** In the order that help texts show them. */
  readonly sources: readonly Source[]
  /** Of the user's own sources: the file that each was loaded from. */
  readonly userSources?: ReadonlyMap<Source, string> | undefined
  readonly engines: () => readonly EngineDescriptor[]
  readonly hostFacts: () => Pick<HostFacts, 'memoryBytes'>
  /** The kernel's calls on behalf of a caller. */
  readonly calls: (caller: Caller) => Calls
  readonly clock: Clock
  readonly rng: Rng
  readonly settings: () => Pick<Config['install'], 'retries' | 'offline' | 'signatures'>
}

type ExchangeCall =
  | 'model.search'
  | 'model.info'
  | 'model.register'
  | 'model.pack'
  | 'model.unpack'
  | 'model.publish'
  | 'model.sign'
  | 'source.list'
  | `key.${'list' | 'create' | 'show' | 'import' | 'trust' | 'remove'}`

/** The calls by which models are found, go out to others and are signed. */
export function createExchangeHandlers(deps: ExchangeDeps): Required<Pick<Handlers, ExchangeCall>> {
  const { store, settings } = deps
  return {
    ...createKeyHandlers(deps),
    'model.sign': (input, ctx) => signModel(deps, input, ctx),
    'model.search': async (input, ctx) => searchModels(deps, input, ctx),
    'model.info': async (input, ctx) =>
      modelInfo({ ...deps, freeBytes: async () => (await diskSpace(store.directory)).freeBytes }, input, ctx),
    'model.register': (input, ctx) => registerModel(deps, input, ctx),
    'model.pack': (input, ctx) => packModel(deps, input, ctx),
    'model.unpack': async (input, ctx) => unpackArchive(deps, input, ctx),
    'model.publish': (input, ctx) => publishModel({ ...deps, retries: () => settings().retries }, input, ctx),
    'source.list': (_input, ctx) => listSources(deps, ctx),
  }
}

function listSources({ sources, userSources }: ExchangeDeps, ctx: CallContext): CallOutput<'source.list'> {
  return {
    sources: sources
      .filter(({ scheme }) => ctx.allows(`source/${scheme}`, 'list'))
      .map((source) => ({
        scheme: source.scheme,
        title: source.title,
        example: source.example,
        searchable: source.search !== undefined,
        publishable: source.publish !== undefined,
        file: userSources?.get(source) ?? null,
      })),
  }
}
