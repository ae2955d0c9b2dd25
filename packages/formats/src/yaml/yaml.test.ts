import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { parseYaml } from './yaml.ts'

const options = { file: 'manifest.yaml', bytesMax: 256 * 1024 }

function refusal(text: string | Uint8Array): { message: string; details: Record<string, unknown> } {
  try {
    parseYaml(typeof text === 'string' ? Buffer.from(text) : text, options)
  } catch (error) {
    assert.ok(isSomaError(error, 'package/invalid-manifest'), String(error))
    return error
  }
  throw assert.fail('it was read')
}

describe('YAML from outside', () => {
  it('gives back any JSON value that was written', () => {
    const json = fc.jsonValue({ maxDepth: 8 }).filter((value) => !JSON.stringify(value).includes('__proto__'))
    fc.assert(
      fc.property(json, (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        assert.deepEqual(parseYaml(Buffer.from(stringify(plain)), options).value, plain)
      }),
    )
  })

  it('is refused by its size before it is parsed', () => {
    const large = Buffer.alloc(100 * 1024 * 1024, 'a: 1\n')
    const startedAt = performance.now()
    assert.equal(refusal(large).details['bytesMax'], options.bytesMax)
    // Parsing it would take minutes.
    assert.ok(performance.now() - startedAt < 30_000)
  })

  it('is refused with line and column when a key stands twice', () => {
    const { message, details } = refusal('a:\n  b: 1\n  c: 2\n  b: 3\n')
    assert.match(message, /manifest\.yaml:4:3: the key "b" stands there twice/)
    assert.deepEqual([details['line'], details['column']], [4, 3])
  })

  it('is refused when it holds an alias, so that no bomb can be built', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) =>
        `l${level}: &l${level} [${Array(9)
          .fill(level === 0 ? 'lol' : `*l${level - 1}`)
          .join(',')}]`,
    )
    assert.match(refusal(levels.join('\n')).message, /aliases are not read/)
  })

  it('is refused when it holds a tag of its own', () => {
    for (const text of ['a: !!js/function "x"', 'a: !custom 1', 'a: !!binary AAAA', 'a: !!timestamp 2020-01-01']) refusal(text)
  })

  it('is refused when it is nested too deep, without overflowing the stack', () => {
    assert.match(refusal(`${'['.repeat(66)}${']'.repeat(66)}`).message, /nested deeper/)
    refusal('['.repeat(200_000))
    refusal('- '.repeat(100_000))
    refusal(`a: ${'{b: '.repeat(50_000)}`)
  })

  it('is refused when it makes the library overflow the stack', () => {
    assert.match(refusal(`  ${'a: b    '.repeat(5000)}\n- c: d\n`).message, /nested deeper/)
  })

  it('is refused for several documents, NaN, infinity, __proto__, keys that are no text, and broken syntax', () => {
    for (const text of ['a: 1\n---\nb: 2\n', 'a: .nan', 'a: -.inf', '__proto__: {a: 1}', '? [a]\n: 1', 'a: "open', '\tb: 1', 'a: b: c'])
      refusal(text)
  })

  it('names the byte that is not UTF-8', () => {
    assert.equal(refusal(Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a])).details['offset'], 3)
  })

  it('takes no minutes for a text with as many keys as fit', () => {
    const keys = Array.from({ length: 25_000 }, (_, index) => `k${index}: 1`).join('\n')
    const startedAt = performance.now()
    assert.equal(Object.keys(parseYaml(Buffer.from(keys), options).value as object).length, 25_000)
    // A check that compares each key with all others takes minutes.
    assert.ok(performance.now() - startedAt < 30_000)
  })

  it('tells where a value is written, and for one that is missing where it belongs', () => {
    const yaml = parseYaml(Buffer.from('a:\n  - b: 1\n    c: 2\n'), options)
    assert.deepEqual(yaml.position(['a', 0, 'c']), { line: 3, column: 8 })
    assert.deepEqual(yaml.position(['a', 0, 'missing', 'deeper']), { line: 2, column: 5 })
    assert.deepEqual(yaml.position(['nothing']), { line: 1, column: 1 })
  })
})
