import { isAbsolute } from 'node:path'
import { type Log, SomaError, canonicalJson } from '@soma/core'
import { type EngineDescriptor, type EngineOption, ResidencySchema, type ResidencySetting } from '@soma/spec'
import type { Records } from '@soma/store'
import { z } from 'zod'
import type { InstalledModel, RunnableModel } from '../ports.ts'

/** Kinds of the records; their keys are names of models. */
export const RESIDENCY_KIND = 'model-residency'
export const SETTINGS_KIND = 'model-settings'

const OverrideSchema = z.strictObject({
  engine: z.string().nullable(),
  device: z.string().nullable(),
  settings: z.record(z.string(), z.unknown()),
})
/** What the user chose instead of what the package or Soma says. */
export type Override = z.output<typeof OverrideSchema>

export const noOverride: Override = { engine: null, device: null, settings: {} }

/** A model with all that was chosen for it. */
export type ChosenModel = RunnableModel & { readonly device: string | undefined }

/** What users set for models, as the records keep it. */
export class ModelSettings {
  readonly #overrides = new Map<string, Override>()
  readonly #residency = new Map<string, ResidencySetting>()

  /** Reads the records. One that cannot be read is left out: the model then runs as if nothing were set. */
  read(records: Pick<Records, 'scan'>, log: Log): void {
    readKind(records, log, { kind: SETTINGS_KIND, schema: OverrideSchema, into: this.#overrides })
    readKind(records, log, { kind: RESIDENCY_KIND, schema: ResidencySchema, into: this.#residency })
  }

  residency(): ReadonlyMap<string, ResidencySetting> {
    return this.#residency
  }

  setResidency(model: string, setting: ResidencySetting): void {
    this.#residency.set(model, setting)
  }

  override(model: string): Override {
    return this.#overrides.get(model) ?? noOverride
  }

  setOverride(model: string, override: Override): void {
    this.#overrides.set(model, override)
  }

  forget(model: string): void {
    this.#overrides.delete(model)
    this.#residency.delete(model)
  }

  has(kind: string, model: string): boolean {
    return (kind === RESIDENCY_KIND ? this.#residency : this.#overrides).has(model)
  }
}

/** What the package says, under what the user chose. The package's settings are for its own engine. */
export function withOverride(model: InstalledModel, engine: string, { device, settings }: Override): ChosenModel {
  const own = model.engine === null || model.engine === engine ? model.settings : {}
  return { ...model, engine, device: device ?? undefined, settings: { ...own, ...settings } }
}

/** Whether a process that has the one loaded serves the other. */
export function isSameModel(a: ChosenModel, b: ChosenModel): boolean {
  return a.digest === b.digest && a.engine === b.engine && a.device === b.device && canonicalJson(a.settings) === canonicalJson(b.settings)
}

/** @throws {SomaError} `config/invalid` naming the option that the engine does not have, or does not take so. */
export function checkSettings({ id, options }: EngineDescriptor, settings: Readonly<Record<string, unknown>>): void {
  if (!options) return
  for (const [name, value] of Object.entries(settings)) {
    const option = options.find((one) => one.name === name)
    const names = options.map((one) => one.name)
    if (!option)
      throw new SomaError('config/invalid', `engine ${id} has no setting "${name}"; it has ${names.join(', ') || 'none'}`, {
        details: { engine: id, setting: name, settings: names },
      })
    if (!takes(option, value))
      throw new SomaError('config/invalid', `engine ${id} takes ${expected(option)} as its setting "${name}"`, {
        details: { engine: id, setting: name },
      })
  }
}

/** The settings that name files of this machine, and not of the package. */
export function settingsNamingFiles({ options = [] }: EngineDescriptor, settings: Readonly<Record<string, unknown>>): string[] {
  return options.filter(({ name, files }) => files && [settings[name]].flat().some(isForeign)).map(({ name }) => name)
}

/** A path of its own, or leave for each call to name one. */
function isForeign(value: unknown): boolean {
  return value === true || (typeof value === 'string' && isAbsolute(value))
}

/** Whoever writes a package must not choose among the files of those who run it. @throws {SomaError} `model/load-failed`. */
export function checkOwnFiles(descriptor: EngineDescriptor, { name, engine, settings }: InstalledModel): void {
  const [setting] = engine === null || engine === descriptor.id ? settingsNamingFiles(descriptor, settings) : []
  if (setting === undefined) return
  throw new SomaError(
    'model/load-failed',
    `the package of ${name} names a file of this machine as its setting ${setting}; set it with soma model configure if that is meant`,
    { details: { model: name, setting } },
  )
}

const takesType: { readonly [Type in EngineOption['type']]: (value: unknown) => boolean } = {
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  strings: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  'numbers-by-name': (value) => isRecord(value) && Object.values(value).every((one) => typeof one === 'number'),
}

function takes({ type, values }: EngineOption, value: unknown): boolean {
  return takesType[type](value) && (values === undefined || type !== 'string' || values.includes(value as string))
}

function expected({ type, values }: EngineOption): string {
  if (values) return `one of ${values.join(', ')}`
  if (type === 'strings') return 'a list of texts'
  return type === 'numbers-by-name' ? 'numbers by name, as {"batch": 1}' : `a value of type ${type}`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readKind<Value>(
  records: Pick<Records, 'scan'>,
  log: Log,
  { kind, schema, into }: { readonly kind: string; readonly schema: z.ZodType<Value>; readonly into: Map<string, Value> },
): void {
  for (const row of records.scan(kind)) {
    const parsed = 'corrupt' in row ? undefined : schema.safeParse(row.value)
    if (parsed?.success) into.set(row.key, parsed.data)
    else log.warn('a setting of a model cannot be read; it is left out', { kind, model: row.key })
  }
}
