import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { editionNames } from '@soma/spec'
import { listSettings, readConfig, setSettings } from './config-file.ts'
import { editions } from './editions.ts'
import { findSetting } from './setting-table.ts'

const folder = mkdtempSync(join(tmpdir(), 'soma-editions-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'config.toml')

function file(text: string): string {
  writeFileSync(path, text)
  return path
}

for (const name of editionNames)
  test(`the edition ${name} can be used, sets what it says, and says why`, () => {
    const config = readConfig(file(`[edition]\nname = "${name}"\n`)) as unknown as Record<string, Record<string, unknown>>
    for (const { key, section, name: setting, value, why } of editions[name].settings) {
      assert.ok(findSetting(key), key)
      assert.deepEqual(config[section]?.[setting], value, key)
      assert.match(why, /^[A-Z].*\.$/)
    }
    const keys = editions[name].settings.map(({ key }) => key)
    assert.equal(new Set(keys).size, keys.length)
  })

test('what the file says comes before the edition, and the edition before the default', () => {
  const config = readConfig(file('[edition]\nname = "gaming"\n[models]\nwarmSpares = 3\n'))
  assert.deepEqual([config.models.warmSpares, config.models.residency, config.models.queueMax], [3, 'timeout=60', 256])
  const sources = Object.fromEntries(listSettings(path).map(({ key, source }) => [key, source]))
  assert.deepEqual(
    [sources['models.warmSpares'], sources['models.residency'], sources['models.queueMax'], sources['edition.name']],
    ['file', 'edition', 'default', 'file'],
  )
})

test('choosing an edition writes its name and nothing else into the file', () => {
  file('[http]\nport = 1\n')
  setSettings(path, { 'edition.name': 'security' })
  assert.deepEqual(
    [readConfig(path).engines.sandbox, readConfig(path).http],
    ['bubblewrap', { ...readConfig(path).http, enabled: false, port: 1 }],
  )
  setSettings(path, { 'edition.name': null })
  assert.equal(readConfig(path).engines.sandbox, 'off')
})

test('an edition that does not exist, and a section that is no table, are refused in the user’s words', () => {
  assert.throws(() => readConfig(file('[edition]\nname = "party"\n')), /edition\.name is "party"; expected one of standard, gaming/)
  assert.throws(() => readConfig(file('models = 3\n[edition]\nname = "gaming"\n')), /models is 3; expected a table/)
})
