import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import { TestInstall, codeOf } from '../install/test-install.ts'

const names = ['a', 'b', 'c'] as const
const name = fc.constantFrom(...names)
/** Some are names of models, too. */
const anyName = fc.constantFrom(...names, 'x', 'y')
/** Versions with equal remainders have equal files. */
const version = fc.integer({ min: 1, max: 5 })
const filesOf = (of: string, v: number): Record<string, string> => ({
  'm.echo': `weights ${v % 4} of ${of}`,
  'shared.txt': `words ${v % 2}`,
})

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('install'), name, version, replace: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('update'), name: anyName, version }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rollback'), name: anyName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin'), name: anyName, pinned: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('alias'), alias: anyName, model: fc.option(anyName) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove'), name: anyName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('collect'), versions: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen') }) },
)
type Step =
  | { readonly do: 'install'; readonly name: string; readonly version: number; readonly replace: boolean }
  | { readonly do: 'update'; readonly name: string; readonly version: number }
  | { readonly do: 'rollback'; readonly name: string }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'pin'; readonly name: string; readonly pinned: boolean }
  | { readonly do: 'alias'; readonly alias: string; readonly model: string | null }
  | { readonly do: 'collect'; readonly versions: boolean }
  | { readonly do: 'reopen' }

interface Installed {
  readonly version: number
  readonly pinned: boolean
  /** Latest first. */
  readonly earlier: readonly number[]
}

/** What there should be, in the simplest words. */
class Expected {
  readonly models = new Map<string, Installed>()
  readonly aliases = new Map<string, string>()
  readonly #keep: number

  constructor(keep: number) {
    this.#keep = keep
  }

  /** @returns the code that the call should fail with. */
  apply(at: Step): string {
    if (at.do === 'reopen') return 'none'
    if (at.do === 'collect') return this.#collect(at.versions)
    if (at.do === 'install') return this.#install(at)
    if (at.do === 'alias') return this.#alias(at.alias, at.model)
    if (at.do === 'remove' && this.aliases.delete(at.name)) return 'none'
    const own = this.aliases.get(at.name) ?? at.name
    const model = this.models.get(own)
    if (!model) return 'model/not-found'
    if (at.do === 'remove') return this.#remove(own)
    if (at.do === 'pin') this.models.set(own, { ...model, pinned: at.pinned })
    else if (model.pinned) return 'model/pinned'
    else if (at.do === 'update') this.#replace(own, at.version, this.#keep)
    else if (model.earlier[0] === undefined) return 'model/no-version'
    else this.#replace(own, model.earlier[0], model.earlier.length)
    return 'none'
  }

  #install({ name: own, version: v, replace }: Extract<Step, { do: 'install' }>): string {
    const model = this.models.get(own)
    if (this.aliases.has(own)) return 'model/exists'
    if (!model) this.models.set(own, { version: v, pinned: false, earlier: [] })
    if (!model || model.version === v) return 'none'
    if (!replace) return 'model/exists'
    if (model.pinned) return 'model/pinned'
    this.#replace(own, v, this.#keep)
    return 'none'
  }

  #replace(own: string, v: number, keep: number): void {
    const { version: old, earlier } = this.models.get(own) ?? { version: v, earlier: [] }
    if (old === v) return
    const isOther = (one: number): boolean => one % 4 !== v % 4 && one % 4 !== old % 4
    const kept = [...(old % 4 === v % 4 ? [] : [old]), ...earlier.filter(isOther)].slice(0, keep)
    this.models.set(own, { version: v, pinned: false, earlier: kept })
  }

  #alias(alias: string, model: string | null): string {
    if (model === null) return this.aliases.delete(alias) ? 'none' : 'model/not-found'
    const own = this.aliases.get(model) ?? model
    if (!this.models.has(own)) return 'model/not-found'
    if (this.models.has(alias)) return 'model/exists'
    this.aliases.set(alias, own)
    return 'none'
  }

  #remove(own: string): string {
    this.models.delete(own)
    for (const [alias, model] of this.aliases) if (model === own) this.aliases.delete(alias)
    return 'none'
  }

  #collect(versions: boolean): string {
    if (versions) for (const [own, model] of this.models) this.models.set(own, { ...model, earlier: [] })
    return 'none'
  }

  /** Contents of all files that must be on the disk. */
  contents(): Set<string> {
    const kept = [...this.models].flatMap(([own, { version: v, earlier }]) =>
      [v, ...earlier].flatMap((one) => Object.values(filesOf(own, one))),
    )
    return new Set(kept)
  }
}

async function run(real: TestInstall, at: Step): Promise<string> {
  if (at.do === 'reopen') return real.reopen().then(() => 'none')
  if (at.do === 'collect') return codeOf(real.call('model.collect', { versions: at.versions }))
  if (at.do === 'alias') return codeOf(real.call('model.alias', { alias: at.alias, model: at.model }))
  if (at.do === 'pin') return codeOf(real.call('model.pin', { model: at.name, pinned: at.pinned }))
  if (at.do === 'remove') return codeOf(real.call('model.remove', { model: at.name }))
  if (at.do === 'rollback') return codeOf(real.call('model.rollback', { model: at.name }))
  const own = real.registry.resolve(at.name)
  const served = at.do === 'install' ? at.name : own
  real.source.serve(served, filesOf(served, at.version), { reference: `test/${served}@${at.version}`, version: `${at.version}` })
  if (at.do === 'update') return codeOf(real.call('model.update', { model: at.name }))
  return codeOf(real.install(`test/${at.name}`, { replace: at.replace }))
}

function check(real: TestInstall, expected: Expected): void {
  const found = real.registry.list().map(({ name: own, version: v, pinned }) => ({
    own,
    version: Number(v),
    pinned,
    earlier: real.registry.versions.of(own).map(({ model }) => Number(model.version)),
  }))
  const wanted = [...expected.models].map(([own, model]) => ({ own, ...model })).sort((a, b) => (a.own < b.own ? -1 : 1))
  assert.deepEqual(
    found.map(({ own, version: v, pinned, earlier }) => [own, v, pinned, earlier]),
    wanted.map(({ own, version: v, pinned, earlier }) => [own, v, pinned, earlier]),
  )
  assert.deepEqual(new Map([...real.registry.aliases.names()].map((alias) => [alias, real.registry.resolve(alias)])), expected.aliases)
  for (const models of [real.registry.list(), real.registry.versions.all()])
    for (const { files } of models) for (const { digest } of files) assert.ok(real.store.blobs.has(digest), 'a kept version lacks a file')
}

test('whatever happens to models, what is kept is whole, what is not is gone, and both survive a restart', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), fc.integer({ min: 0, max: 3 }), async (steps, keep) => {
      await using real = await TestInstall.create()
      real.keepVersions = keep
      const expected = new Expected(keep)
      for (const at of steps as Step[]) {
        const wanted = expected.apply(at)
        assert.equal(await run(real, at), wanted, JSON.stringify(at))
        check(real, expected)
      }
      await real.idle()
      await real.reopen()
      check(real, expected)
      await real.store.blobs.collect({})
      const blobs = await readdir(join(real.directory, 'blobs'), { recursive: true, withFileTypes: true })
      assert.equal(blobs.filter((entry) => entry.isFile()).length, expected.contents().size)
    }),
    { numRuns: 12 },
  )
})
