import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codeOf, TestInstall } from './test-install.ts'
import { withBoundedHit, withBoundedWords } from './bounded-words.ts'

const long = 'x'.repeat(5_000_000)

describe('what a source says in words', () => {
  it('is kept as it is where people would read it, and cut where nobody would', () => {
    const short = { reference: 'a/b', suggestedName: 'b', version: '1', licence: 'MIT', description: 'text', task: 'ocr', artifacts: [] }
    assert.deepEqual(withBoundedWords(short), short)
    const cut = withBoundedWords({
      ...short,
      licence: long,
      description: long,
      homepage: long,
      task: long,
      warnings: [long, ...Array<string>(99).fill('w')],
    })
    assert.ok(JSON.stringify(cut).length < 20_000)
    assert.match(cut.description ?? '', /^x+…$/)
    const hit = withBoundedHit({ reference: 'a/b', title: long, description: long, formats: Array<string>(100_000).fill('f') })
    assert.ok(JSON.stringify(hit).length < 20_000)
  })

  it('makes no record, list or answer large', async () => {
    await using test = await TestInstall.create()
    test.source.serve('a', { 'm.echo': 'weights' }, { reference: 'test/a@1', version: '1', licence: long, description: long, task: long })
    await test.install('test/a')
    const shown = await test.call('model.show', { model: 'a' })
    assert.ok(JSON.stringify(shown.output).length < 30_000)
  })
})

describe('globs of a caller', () => {
  it('that would take minutes over the paths of a package are refused', async () => {
    await using test = await TestInstall.create()
    const paths = Array.from({ length: 300 }, (_, index) => [`${'d/'.repeat(20)}${'a'.repeat(190)}${index}.txt`, 'x'] as const)
    test.source.serve('a', { 'm.echo': 'weights', ...Object.fromEntries(paths) }, { reference: 'test/a@1', version: '1' })
    const include = Array.from({ length: 100 }, () => `**/${'*a'.repeat(500)}b`)
    assert.equal(await codeOf(test.install('test/a', { include })), 'call/invalid-input')
    await test.install('test/a', { include: ['m.echo', ...Array.from({ length: 20 }, (_, index) => `**/*${index}.{txt,md}`)] })
  })
})
