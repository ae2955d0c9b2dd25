import { SomaError, isSomaError } from '@soma/core'
import { type CallContext, type CallEvent, type CallOutput, type ValidInput, licenceOf } from '@soma/spec'
import { checkLicence } from '../package/licence-policy.ts'
import type { InstalledModel } from '../ports.ts'
import { summarise } from '../registry/summary.ts'
import { applyRuling, ruleOnInstalled } from '../signing/policy.ts'
import { signatureToKeep } from '../signing/verdict.ts'
import { checkSignature } from './check-signature.ts'
import { check } from './check.ts'
import type { InstallContext, InstallDeps, InstallSettings, StagedFiles } from './deps.ts'
import type { Downloads } from './downloads.ts'
import { fetchArtifacts } from './fetch.ts'
import { INSTALLS_MAX } from './limits.ts'
import { installedAs, plan } from './plan.ts'
import { recognise } from './recognise.ts'
import { register } from './register.ts'
import { type Target, resolve } from './resolve.ts'
import { discardArchives, unpack } from './unpack.ts'
import { type Watched, watch } from '../watched.ts'

type Input = ValidInput<'model.install'>
type Event = CallEvent<'model.install'>
type Output = CallOutput<'model.install'>

/** A package whose record is staged, or was there. */
export interface Installed {
  readonly model: InstalledModel
  readonly alreadyInstalled: boolean
}

/** Files of a package, by path. */
export interface Brought extends AsyncDisposable {
  readonly files: StagedFiles
}

/** Who hears of an install, who may end it, and what its reference means where that was asked already. */
type Way = Watched<Event> & { readonly target?: Target }

/** Installs packages: whole and verified, or not at all. */
export class Installer {
  readonly #deps: InstallDeps
  readonly #downloads: Downloads
  readonly #work = new Set<Promise<unknown>>()

  constructor(deps: InstallDeps, downloads: Downloads) {
    this.#deps = deps
    this.#downloads = downloads
  }

  /** The handler of `model.install`. */
  install(input: Input, ctx: CallContext): AsyncGenerator<Event, Output, void> {
    return watch<Event, Output>({ signal: ctx.signal, keyOf }, async (watched) => {
      const { model, alreadyInstalled } = await this.perform(input, ctx, watched)
      return { model: summarise(model, this.#deps), alreadyInstalled }
    })
  }

  /** One install as a part of another call: its effects are staged in that call's, and committed with it. */
  async perform(input: Input, ctx: Pick<CallContext, 'effects' | 'log'>, way: Way): Promise<Installed> {
    return this.#counted(() => this.#transact(this.#context(input, ctx, way)))
  }

  /** Brings the files of a package here, as blobs that are held until the result is disposed, and installs nothing. */
  async bring(input: Input, ctx: Pick<CallContext, 'effects' | 'log'>, way: Way & { readonly target: Target }): Promise<Brought> {
    const context = this.#context(input, ctx, way)
    return this.#counted(async () => {
      try {
        const fetched = await fetchArtifacts(context, way.target)
        const files = await unpack(context, fetched)
        discardArchives(fetched)
        return { files, [Symbol.asyncDispose]: () => this.#track(this.#finish(context, true)) }
      } catch (error) {
        await this.#finish(context, true)
        throw error
      }
    })
  }

  /** What a reference means now. */
  async resolve(input: Input, { signal, report }: Watched<Event>, options: { readonly retries?: number } = {}): Promise<Target> {
    const settings = (): InstallSettings => ({ ...this.#deps.settings(), ...options })
    return resolve({ deps: { ...this.#deps, settings }, input, signal, report })
  }

  #context(input: Input, { effects, log }: Pick<CallContext, 'effects' | 'log'>, { signal, report, target }: Way): InstallContext {
    const held = new AsyncDisposableStack()
    const lease = held.use(this.#deps.store.blobs.lease([]))
    return { deps: this.#deps, downloads: this.#downloads, input, effects, log, signal, report, target, held, lease }
  }

  /** Resolves when no install runs, and what they held is let go. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#work.size >= INSTALLS_MAX)
      throw new SomaError('resource/exhausted', `${INSTALLS_MAX} installs are running; try again when one is done`, {
        details: { installsMax: INSTALLS_MAX },
      })
    const running = work()
    this.#work.add(running)
    try {
      return await running
    } finally {
      this.#work.delete(running)
    }
  }

  /** What was fetched and leased is let go when the record is committed, or at once when there will be none. */
  async #transact(context: InstallContext): Promise<Installed> {
    try {
      const { model, surplus } = await perform(context)
      let committed = false
      context.effects.committed(() => (committed = true))
      context.effects.settled(() => void this.#track(this.#finish(context, surplus === true || !committed)))
      return { model, alreadyInstalled: surplus === undefined }
    } catch (error) {
      await this.#finish(context, true)
      throw error
    }
  }

  async #finish(context: InstallContext, surplus: boolean): Promise<void> {
    await this.#release(context)
    if (surplus) await this.#sweep(context)
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#work.add(work)
    await work
    this.#work.delete(work)
  }

  async #release(context: InstallContext): Promise<void> {
    try {
      await context.held.disposeAsync()
    } catch (error) {
      context.log.warn('a download could not be closed', { error })
    }
  }

  /** Blobs of a failed install, and those that a package turned out not to need, are nobody's; on a full disk their space is wanted back now. */
  async #sweep({ deps, log }: InstallContext): Promise<void> {
    try {
      const { freedBytes } = await deps.store.blobs.collect({})
      if (freedBytes > 0) log.debug('removed what an install had no use for', { freedBytes })
    } catch (error) {
      log.warn('what an install had no use for could not be removed', { error })
    }
  }
}

interface Performed {
  readonly model: InstalledModel
  /** Whether more became blobs than the package needs; absent when it was installed already. */
  readonly surplus?: boolean
}

/** The steps of an install, in order. Each gives the next what it needs; the first that throws ends it. */
async function perform(context: InstallContext): Promise<Performed> {
  const begun = await begin(context)
  if ('installed' in begun) return { model: begun.installed }
  const { target } = begun
  const fetched = await fetchArtifacts(context, target)
  const files = await unpack(context, fetched)
  const { files: payload, signature } = await checkSignature(context, target, files)
  const known = await recognise(context, payload)
  const checked = await check(context, known)
  const signatureBundle = signatureToKeep(checked.files, signature)
  if (signature && signatureBundle === null) warnOfLoss(context)
  context.effects.committed(() => discardArchives(fetched))
  return { model: register(context, target, { ...checked, signatureBundle }), surplus: checked.files.size < files.size }
}

/** It may be over a folder that the package is only a part of: checked by now, and yet nothing that the record can be held against. */
function warnOfLoss({ report, input }: InstallContext): void {
  const message = `The signature of ${input.reference} does not fit the installed files by themselves: it is not kept, and nobody is named as their signer.`
  report({ type: 'warning', message })
}

/** Finds out what to install, or that it is installed already; offline, what was installed by the same reference is what is meant. */
async function begin(context: InstallContext): Promise<{ readonly target: Target } | { readonly installed: InstalledModel }> {
  try {
    const target = context.target ?? (await resolve(context))
    const installed = await plan(context, target)
    if (installed) return { installed }
    checkStatedLicence(context, target)
    return { target }
  } catch (error) {
    const installed = isSomaError(error, 'source/offline') ? installedAs(context) : undefined
    if (!installed) throw error
    applyRuling(context, ruleOnInstalled(context, installed))
    return { installed }
  }
}

/** Refuses what the source itself calls refused before the first byte is fetched; what the files say is looked at later. */
function checkStatedLicence({ deps }: InstallContext, { resolution, name }: Target): void {
  const licence = licenceOf(resolution.licence)
  if (licence !== undefined) checkLicence(licence, deps.settings().licencesRefused ?? [], name)
}

/** Of events of one kind about one file the latest says it all; every warning says something else. */
export function keyOf(event: Event): string {
  if (event.type === 'warning') return `warning ${event.message}`
  return 'path' in event ? `${event.type} ${event.path}` : event.type
}
