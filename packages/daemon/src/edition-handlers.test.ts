import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createTestClock, settle } from '@soma/testkit/clock'
import { ConfigSchema } from '@soma/spec'
import { silentLog } from '@soma/core'
import { createSoma } from './create-soma.ts'
import { forgetAfterCalls } from './forget.ts'
import { forgetfulEnvironment, hardenedStart } from './hardened-start.ts'
import { asOwner, newHome } from './test-home.ts'

test('an edition is chosen, shown as used, and says what the file overrides and whether to restart', async (t) => {
  const options = await newHome(t)
  await writeFile(options.paths.configFile, '# mine\n[models]\nwarmSpares = 3\n')
  const soma = await createSoma(options)
  t.after(() => soma.stop())
  const calls = asOwner(soma)
  assert.deepEqual(
    (await calls.call('edition.list', {})).editions.filter(({ used }) => used).map(({ name }) => name),
    ['standard'],
  )
  assert.deepEqual(await calls.call('edition.use', { edition: 'gaming' }), {
    name: 'gaming',
    overridden: ['models.warmSpares'],
    needsRestart: true,
  })
  const shown = await calls.call('edition.show', { edition: 'gaming' })
  assert.ok(shown.used && shown.settings.some(({ key, value }) => key === 'models.residency' && value === 'timeout=60'))
  const { settings } = await calls.call('system.configuration', {})
  assert.partialDeepStrictEqual(
    settings.find(({ key }) => key === 'models.residency'),
    { value: 'timeout=60', source: 'edition' },
  )
  assert.equal(await readFile(options.paths.configFile, 'utf8'), '# mine\n[models]\nwarmSpares = 3\n\n[edition]\nname = "gaming"\n')
  assert.partialDeepStrictEqual(await calls.call('edition.use', { edition: 'standard' }), { overridden: [], needsRestart: true })
  assert.doesNotMatch(await readFile(options.paths.configFile, 'utf8'), /gaming/)
})

test('the daemon says what machine it runs on', async (t) => {
  const soma = await createSoma(await newHome(t))
  t.after(() => soma.stop())
  const { cpu, accelerators, cpus } = await asOwner(soma).call('system.hardware', {})
  assert.ok(cpu && cpu.threads >= 1 && cpus >= 1 && accelerators)
})

const scrubbing = ConfigSchema.parse({ engines: { scrub: true } })
const start = {
  platform: 'linux',
  execPath: '/bin/node',
  execArgv: ['--no-warnings'],
  args: ['main.js', '--port', '0'],
  env: { A: '1', B: undefined },
}

test('a daemon that forgets starts itself anew, once, with its own arguments and without core files', () => {
  const hardened = hardenedStart(scrubbing, start)
  assert.deepEqual(hardened?.args.slice(-7), ['/bin/node', '--expose-gc', '--clear-free-memory', '--no-warnings', 'main.js', '--port', '0'])
  assert.match(hardened?.args[2] ?? '', /ulimit -c 0; exec/)
  assert.deepEqual([hardened?.env['A'], hardened?.env['MALLOC_PERTURB_'], 'B' in (hardened?.env ?? {})], ['1', '165', false])
  assert.equal(hardenedStart(scrubbing, { ...start, execArgv: ['--expose-gc', '--clear-free-memory'] }), undefined)
  assert.equal(hardenedStart(ConfigSchema.parse({}), start), undefined)
  assert.deepEqual(forgetfulEnvironment(ConfigSchema.parse({})), {})
})

test('what calls brought is forgotten once none is under way, and again only after others', async () => {
  const clock = createTestClock()
  let calls = { total: 1, active: 1 }
  const done: string[] = []
  const overwrite = (): Promise<void> => Promise.resolve(void done.push('overwritten'))
  const forgetting = forgetAfterCalls({ clock, log: silentLog, calls: () => calls, collect: () => void done.push('collected'), overwrite })
  await clock.advance(1000)
  assert.deepEqual(done, [])
  calls = { total: 1, active: 0 }
  await clock.advance(1000)
  assert.deepEqual(done, ['overwritten', 'collected', 'collected'])
  calls = { total: 2, active: 0 }
  await clock.advance(500)
  assert.equal(done.length, 6)
  forgetting[Symbol.dispose]()
  await settle()
  assert.equal(clock.pending, 0)
})
