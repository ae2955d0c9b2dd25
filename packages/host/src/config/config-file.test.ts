import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type SomaError, isSomaError } from '@soma/core'
import { ConfigSchema } from '@soma/spec'
import fc from 'fast-check'
import { parse } from 'smol-toml'
import { listSettings, readConfig, setSettings } from './config-file.ts'
import { settingTable } from './setting-table.ts'

const folder = mkdtempSync(join(tmpdir(), 'soma-config-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'config.toml')

function file(text: string): string {
  writeFileSync(path, text)
  return path
}

function refusal(text: string): SomaError {
  try {
    readConfig(file(text))
  } catch (error) {
    if (isSomaError(error, 'config/invalid')) return error
  }
  return assert.fail(`accepted ${text}`)
}

test('a missing or empty file gives every default', () => {
  const defaults = ConfigSchema.parse({})
  assert.deepEqual(readConfig(join(folder, 'none.toml')), defaults)
  assert.deepEqual(readConfig(file('')), defaults)
  assert.ok(
    listSettings(path).every(
      ({ source, value, default: usual }) => source === 'default' && JSON.stringify(value) === JSON.stringify(usual),
    ),
  )
})

test('settings are listed in the schema’s order, with where they come from', () => {
  const settings = listSettings(file('[http]\nport = 7662\n'))
  assert.deepEqual(
    settings.map(({ key }) => key),
    settingTable.map(({ key }) => key),
  )
  assert.equal(settings.find(({ key }) => key === 'http.port')?.source, 'file')
  assert.ok(settings.every(({ description }) => description.length > 10))
})

describe('a file that cannot be right', () => {
  const cases: ReadonlyArray<readonly [text: string, message: RegExp, details: object]> = [
    [
      '[http]\n# comment\nprot = 1',
      /line 3: there is no setting "http\.prot"; did you mean http\.port\?/,
      { line: 3, key: 'http.prot', nearest: 'http.port' },
    ],
    ['[htpp]\nport = 1', /line 1: there is no setting "htpp"; did you mean http\?/, { line: 1, nearest: 'http' }],
    ['port = 1', /line 1: there is no setting "port"; did you mean http\.port\?/, { nearest: 'http.port' }],
    ['[http]\nport = "80"', /line 2: http\.port is "80"; expected a whole number from 0 to 65535/, { line: 2, key: 'http.port' }],
    ['[log]\nlevel = "loud"', /line 2: log\.level is "loud"; expected one of debug, info, warn, error, silent/, {}],
    ['[http]\nallowedHosts = [1]', /http\.allowedHosts is \[1\]; expected a list of strings/, {}],
    ['[install]\nmirrors = ["x"]', /install\.mirrors is \["x"\]; expected a list of <address>=<address of its mirror>/, {}],
    ['models = 3', /line 1: models is 3; expected a table of settings/, {}],
    ['[http]\nport = = 1', /line 2: /, { line: 2 }],
    ['[log]\nlevel = 1\n[http]\nport = -1', /\(and 1 more\)/, {}],
  ]
  for (const [text, message, details] of cases)
    test(`is refused: ${JSON.stringify(text)}`, () => {
      const error = refusal(text)
      assert.match(error.message, message)
      assert.partialDeepStrictEqual(error.details, details)
    })

  test('is refused when it is far too large, or cannot be read', () => {
    assert.match(refusal(`# ${'x'.repeat(2 ** 20)}`).message, /larger than/)
    assert.throws(() => readConfig(folder), /cannot be read/)
  })
})

describe('changing settings', () => {
  test('keeps comments, order and everything else', () => {
    const before =
      '# mine\n[http]\nhost = "127.0.0.1" # only here\nport=80 # why not\nallowedHosts = [\n  "a", # first ]\n  "#b",\n]\n\n# about logs\n[log]\nlevel = "info"\n'
    setSettings(file(before), {
      'http.port': 90,
      'http.allowedHosts': ['c'],
      'log.level': null,
      'http.enabled': false,
      'models.queueMax': 5,
    })
    assert.equal(
      readFileSync(path, 'utf8'),
      '# mine\n[http]\nhost = "127.0.0.1" # only here\nport=90 # why not\nallowedHosts = [ "c" ]\nenabled = false\n\n# about logs\n[log]\n\n[models]\nqueueMax = 5\n',
    )
  })

  test('answers with the changed settings, null restoring a default', () => {
    file('[http]\nport = 80\n')
    assert.deepEqual(
      setSettings(path, { 'http.port': null }).map(({ key, value, source }) => ({ key, value, source })),
      [{ key: 'http.port', value: 7662, source: 'default' }],
    )
  })

  test('gives up comments rather than meaning, where TOML is written in a way the editor does not see', () => {
    for (const text of [
      'http.port = 1\n',
      'http = { port = 1 }\n',
      '[http]\n"port" = 1\n',
      '["http"]\nport = 1\n',
      '[http] \nport = 0x1\n',
    ]) {
      setSettings(file(text), { 'http.port': 2, 'http.host': '::1' })
      assert.deepEqual({ ...(parse(readFileSync(path, 'utf8')) as { http: object }).http }, { port: 2, host: '::1' }, text)
    }
  })

  test('leaves the file untouched when one of them is wrong, and nothing beside it', () => {
    file('[http]\nport = 80\n')
    assert.throws(() => setSettings(path, { 'http.port': 90, 'http.prot': 1 }), /did you mean http\.port/)
    assert.throws(() => setSettings(path, { 'http.port': 90, 'log.level': 'loud' }), /expected one of/)
    assert.equal(readFileSync(path, 'utf8'), '[http]\nport = 80\n')
    assert.deepEqual(readdirSync(folder), ['config.toml'])
  })

  test('writes a private file, through a link', () => {
    rmSync(path)
    const target = join(folder, 'target.toml')
    writeFileSync(target, '')
    symlinkSync(target, path)
    setSettings(path, { 'http.port': 1 })
    assert.ok(lstatSync(path).isSymbolicLink())
    assert.equal(statSync(target).mode & 0o777, 0o600)
    rmSync(target)
    rmSync(path)
  })

  test('in any order and number gives what was set (seeded)', () => {
    const change = fc.oneof(
      fc.tuple(fc.constant('http.port'), fc.option(fc.integer({ min: 0, max: 65535 }))),
      fc.tuple(fc.constant('http.host'), fc.option(fc.string())),
      fc.tuple(fc.constant('http.allowedOrigins'), fc.option(fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }))),
      fc.tuple(fc.constant('log.level'), fc.option(fc.constantFrom('debug', 'info', 'silent'))),
      fc.tuple(fc.constant('models.warmSpares'), fc.option(fc.integer({ min: 0, max: 4 }))),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
        file('# head\n[log]\n# inside\n')
        const expected = new Map<string, unknown>()
        for (const [key, value] of changes) {
          setSettings(path, { [key]: value })
          expected.set(key, value ?? settingTable.find((row) => row.key === key)?.default)
        }
        const found = new Map(listSettings(path).map(({ key, value }) => [key, value]))
        for (const [key, value] of expected) assert.deepEqual(found.get(key), value)
        assert.ok(readFileSync(path, 'utf8').startsWith('# head\n[log]\n'))
      }),
      { numRuns: 60 },
    )
  })
})
