import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownLicenceOfText, licenceOf, licenceOfText } from './licence.ts'

test('licences are written as SPDX writes them, where it has them', () => {
  const expected: Readonly<Record<string, string | undefined>> = {
    'apache-2.0': 'Apache-2.0',
    'Apache License 2.0': 'Apache-2.0',
    mit: 'MIT',
    'cc-by-nc-4.0': 'CC-BY-NC-4.0',
    'cc-by-sa-3.0': 'CC-BY-SA-3.0',
    'bsd-3-clause': 'BSD-3-Clause',
    'gpl-3.0': 'GPL-3.0-only',
    'GPL-3.0-or-later': 'GPL-3.0-or-later',
    odbl: 'ODbL-1.0',
    llama3: 'llama3',
    'MIT OR Apache-2.0': 'MIT OR Apache-2.0',
    ' My own licence ': 'My own licence',
    unknown: undefined,
    '': undefined,
  }
  for (const [name, id] of Object.entries(expected)) {
    assert.equal(licenceOf(name), id, name)
    assert.equal(licenceOf(id), id, `${name} again`)
  }
})

test('licences are known by their text, or named by its first line', () => {
  assert.equal(licenceOfText('                 Apache License\n           Version 2.0, January 2004\n'), 'Apache-2.0')
  assert.equal(licenceOfText('MIT License\n\nCopyright'), 'MIT')
  assert.equal(licenceOfText('\nLLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nmore'), 'llama3.2')
  assert.equal(licenceOfText('\nTINY LABS LICENSE AGREEMENT\nmore'), 'TINY LABS LICENSE AGREEMENT')
  assert.equal(knownLicenceOfText('\nTINY LABS LICENSE AGREEMENT\nmore'), undefined)
  assert.equal(licenceOfText('Hello'), undefined)
})
