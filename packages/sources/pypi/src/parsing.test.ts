import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFileName } from './file-name.ts'
import { parseLinks } from './html.ts'
import { parseMetadata } from './metadata.ts'
import { parsePipConf } from './pip-conf.ts'

test('wheels and source archives tell their version, and other files are none', () => {
  const of = (name: string, project = 'a-b') => parseFileName(name, project)
  assert.deepEqual(of('A_b-1.0-py2.py3-none-any.whl'), { version: '1.0', kind: 'zip', rank: 0 })
  assert.deepEqual(of('a_b-1.0-2-py3-none-any.whl'), { version: '1.0', kind: 'zip', rank: 0 })
  assert.deepEqual(of('a_b-1.0-py2-none-any.whl')?.rank, 1)
  assert.deepEqual(of('a_b-1.0-cp312-abi3-linux_x86_64.whl')?.rank, 2)
  assert.deepEqual(of('a-b-1.0.tar.gz'), { version: '1.0', kind: 'tar.gz', rank: 3 })
  assert.deepEqual(of('a.b-v1.0-1.zip'), { version: 'v1.0-1', kind: 'zip', rank: 4 })
  for (const odd of ['a-b.tar.gz', 'a_b-1.0.whl', 'c-1.0.tar.gz', 'a-b-1.0.tar.bz2', 'a_b-1.0-py3.9.egg', '', '-.whl'])
    assert.equal(of(odd), undefined, odd)
})

test('links are read with every way to write attributes and entities', () => {
  const html = `<A HREF="a?x=1&amp;y=2#sha256=0f" data-requires-python='&gt;=3' data-yanked>a &lt;1&#62;</A><a\n href=b.whl >b</a><abbr>no</abbr>`
  assert.deepEqual(parseLinks(html), [
    { text: 'a <1>', attributes: { href: 'a?x=1&y=2#sha256=0f', 'data-requires-python': '>=3', 'data-yanked': '' } },
    { text: 'b', attributes: { href: 'b.whl' } },
  ])
})

test('a broken page gives fewer links and ends', () => {
  assert.deepEqual(parseLinks('<a href="x'), [])
  assert.deepEqual(parseLinks('<a href="x">unfinished'), [{ text: 'unfinished', attributes: { href: 'x' } }])
  fc.assert(
    fc.property(fc.array(fc.constantFrom('<a ', '<a', '>', '"', "'", 'href=', 'x', ' ', '&#1114112;', '&amp;', '</a>')), (parts) => {
      assert.ok(parseLinks(parts.join('')).length <= parts.length)
    }),
  )
})

test('a pip.conf is read with comments, colons, continued values and odd lines', () => {
  const conf = parsePipConf(
    'ignored = 1\n[global]\n# no\nindex-url = https://a\nTimeout: 60\nextra_index_url =\n  https://b\n  ; no\n  https://c\n[install]\nnonsense\nno-index=true\n',
  )
  assert.deepEqual(conf, {
    global: { 'index-url': 'https://a', timeout: '60', 'extra-index-url': 'https://b\nhttps://c' },
    install: { 'no-index': 'true' },
  })
})

test('metadata ends at the first empty line, and what is unknown or too long is left out', () => {
  const old = `License: ${'x'.repeat(100)}\nHome-page: UNKNOWN\nSummary: one\n  two\n\nLicense: no`
  assert.deepEqual(parseMetadata(old), { description: 'one two' })
  assert.deepEqual(parseMetadata('License: BSD-3-Clause\r\nHome-page: https://x\r\n\r\n'), {
    licence: 'BSD-3-Clause',
    homepage: 'https://x',
  })
  assert.deepEqual(parseMetadata('Project-URL: Source, https://s\nProject-URL: Home Page, https://h'), { homepage: 'https://h' })
  assert.deepEqual(parseMetadata(''), {})
})

test('a page of anchors that never end is read once, and not once from each', () => {
  const beganAt = performance.now()
  parseLinks('<a '.repeat(200_000))
  assert.ok(performance.now() - beganAt < 30_000, `${performance.now() - beganAt} ms`)
})
