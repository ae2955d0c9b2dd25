import { type Rng, SomaError, canonicalJson, throwIfAborted } from '@soma/core'
import type {
  CallContext,
  CallEvent,
  CallOutput,
  ConvertResult,
  EngineDescriptor,
  ModelPackage,
  Resolution,
  Source,
  ValidInput,
} from '@soma/spec'
import type { Store } from '@soma/store'
import type { Installer } from '../install/install.ts'
import { DISK_RESERVE_BYTES } from '../install/limits.ts'
import type { InstalledModel, Registry } from '../ports.ts'
import type { TakeOptions } from '../runtime/engine-pool.ts'
import type { EngineProcess } from '../runtime/engine-process.ts'
import { checkFiles } from '../runtime/check-files.ts'
import { checkOwnFiles } from '../runtime/model-settings.ts'
import { denied } from '../versions/may-follow.ts'
import { type Watched, watch } from '../watched.ts'
import { converterFor } from './converter.ts'
import { DraftFolder, type WrittenFile } from './draft-folder.ts'
import { CONVERSIONS_MAX } from './limits.ts'

export interface ConvertDeps {
  readonly store: Pick<Store, 'directory'>
  readonly registry: Pick<Registry, 'get' | 'open'> & { find(name: string): InstalledModel | undefined }
  readonly installer: Pick<Installer, 'perform'>
  readonly runtime: {
    /** A process without a model; whoever takes it ends it. */
    borrow(engine: string, options: TakeOptions): Promise<EngineProcess>
    /** Id of the engine that runs the model; null when none here does. */
    engineOf(model: InstalledModel): string | null
    /** What that engine is told of the model: its package’s settings, under what the user chose. */
    readonly host: { settingsFor(model: InstalledModel, engine: string): Readonly<Record<string, unknown>> }
  }
  readonly engines: () => readonly EngineDescriptor[]
  readonly freeBytes: () => Promise<number>
  readonly rng: Rng
}

type Input = ValidInput<'model.convert'>
type Event = CallEvent<'model.convert'>
type Output = CallOutput<'model.convert'>
type Convert = (input: Input, ctx: CallContext) => AsyncGenerator<Event, Output, void>

/** The handler of `model.convert`: the new model is installed whole, or nothing is left of it. */
export function createConvertHandler(deps: ConvertDeps): Convert {
  let running = 0
  return (input, ctx) =>
    watch<Event, Output>({ signal: ctx.signal, keyOf: ({ stage }) => stage }, async (watched) => {
      if (running >= CONVERSIONS_MAX)
        throw new SomaError('resource/exhausted', `${CONVERSIONS_MAX} conversions are running; try again when one is done`, {
          details: { conversionsMax: CONVERSIONS_MAX },
        })
      running += 1
      try {
        return await convert(deps, input, { ctx, watched })
      } finally {
        running -= 1
      }
    })
}

interface Running {
  readonly ctx: CallContext
  readonly watched: Watched<Event>
}

/** The steps of a conversion. The engine's process and the folder it writes to are gone after it, whatever happens. */
async function convert(deps: ConvertDeps, input: Input, { ctx, watched }: Running): Promise<Output> {
  const model = deps.registry.get(input.model)
  const name = input.name ?? `${model.name}-${input.to}`
  checkName(deps, name, ctx)
  const engine = converterFor(deps.engines(), { ...model, engine: deps.runtime.engineOf(model) }, input.to)
  checkOwnFiles(engine, model)
  checkFiles(engine, input.settings, ctx)
  const settings = { ...deps.runtime.host.settingsFor(model, engine.id), ...input.settings }
  await checkSpace(deps, model)
  await using folder = await DraftFolder.create(deps.store, deps.rng)
  const { files: paths, notes } = await write(deps, { model, engine, to: input.to, settings, folder }, watched)
  const files = await folder.written(paths, engine.id)
  throwIfAborted(watched.signal)
  await install(deps, { model, name, files, to: input.to, settings }, { ctx, watched })
  return { name, files: files.map(({ path, sizeBytes }) => ({ path, sizeBytes })), notes }
}

/** Before any work; the install looks again. The right to install something is not the right to install it under any name. */
function checkName({ registry }: ConvertDeps, name: string, ctx: CallContext): void {
  const need = { resource: `model/${name}`, right: 'install' } as const
  if (!ctx.allows(need.resource, need.right)) throw denied(ctx, need, 'installing what is converted')
  if (registry.find(name))
    throw new SomaError('model/exists', `a model is installed under the name ${name} already; give another name, or remove it first`, {
      details: { name },
    })
}

/** What is written has about the size of what is read. */
async function checkSpace({ freeBytes }: ConvertDeps, model: InstalledModel): Promise<void> {
  const neededBytes = model.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, DISK_RESERVE_BYTES)
  const free = await freeBytes()
  if (neededBytes <= free) return
  throw new SomaError('store/disk-full', `converting ${model.name} needs about ${neededBytes} bytes of disk; ${free} are free`, {
    details: { neededBytes, freeBytes: free },
  })
}

interface Job {
  readonly model: InstalledModel
  readonly engine: EngineDescriptor
  readonly to: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly folder: DraftFolder
}

/** In a process that is ended after it: it holds the model, and can be stopped in mid-work no other way. */
async function write(
  deps: ConvertDeps,
  { model, engine, to, settings, folder }: Job,
  { signal, report }: Watched<Event>,
): Promise<ConvertResult> {
  await using pkg = await deps.registry.open(model)
  report({ stage: `starting the ${engine.id} engine` })
  const folders = { readOnly: [pkg.directory], writable: [folder.path] }
  const process = await deps.runtime.borrow(engine.id, { signal, folders })
  try {
    const steps = process.stream('convert', { package: bare(pkg), to, directory: folder.path, settings }, { signal })
    for (;;) {
      const step = await steps.next()
      if (step.done) return step.value
      report(step.value)
    }
  } finally {
    await process.kill(new SomaError('call/cancelled', 'the conversion is over'))
  }
}

function bare({ name, format, task, directory, files, roles }: ModelPackage): ModelPackage {
  return { name, format, task, directory, files, roles }
}

interface Converted {
  readonly model: InstalledModel
  readonly name: string
  readonly to: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly files: readonly WrittenFile[]
}

/** As any install, with all its checks: what an engine wrote is not believed more than what a hub has. */
async function install(deps: ConvertDeps, { model, name, to, settings, files }: Converted, { ctx, watched }: Running): Promise<void> {
  watched.report({ stage: `installing ${name}` })
  // It may have been removed or replaced meanwhile; the result then is of something that is not here any more.
  ctx.effects.require(() => void deps.registry.get(model.name))
  const reference = `${SCHEME}/${model.name}/${to}@${model.version}`
  const resolution: Resolution = {
    reference,
    suggestedName: name,
    version: model.version,
    ...(model.licence !== null && { licence: model.licence }),
    description: `Converted from ${model.name} (${model.reference})`,
    artifacts: files.map(({ path, localPath, sizeBytes }) => ({
      key: `${reference} ${localPath}`,
      path,
      kind: 'file',
      sizeBytes,
      localPath,
      localImmutable: true,
    })),
  }
  const { signal } = watched
  const target = { source: converted, resolution, name, pin: `${model.digest} ${reference} ${canonicalJson(settings)}` }
  await deps.installer.perform({ reference, name, replace: false, allowUnsafe: false }, ctx, { signal, target, report: () => undefined })
}

const SCHEME = 'converted'

/** Where converted models come from, for whoever asks later: not from anywhere that could be asked again. */
const converted: Source = {
  sourceVersion: 1,
  scheme: SCHEME,
  title: 'Models that were converted here',
  example: `${SCHEME}/<model>/<format>`,
  resolve: () => Promise.reject(gone()),
  download: () => Promise.reject(gone()),
}

function gone(): SomaError {
  return new SomaError('source/unsupported', 'a converted model is made by soma model convert, and can be fetched from nowhere')
}
