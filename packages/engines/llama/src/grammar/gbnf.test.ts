import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import type { Llama } from 'node-llama-cpp'
import { checkGbnf } from './check-gbnf.ts'
import { GbnfReader } from './gbnf-reader.ts'
import { EMPTY_STACK, GbnfStacks } from './gbnf-stacks.ts'
import { GbnfText } from './gbnf-text.ts'
import { jsonObjectGrammar } from './json-grammar.ts'
import { schemaGrammar } from './schema-grammar.ts'

/** Where and why a grammar is refused; undefined when it is not. */
function refused(grammar: string): string | undefined {
  try {
    checkGbnf(grammar)
    return undefined
  } catch (error) {
    assert.ok(isSomaError(error, 'model/input-mismatch'), String(error))
    const { line, column } = error.details
    if (typeof line !== 'number' || typeof column !== 'number') return error.message
    assert.ok(error.message.includes(`line ${line}, column ${column} of the grammar`), error.message)
    return `${line}:${column} ${error.message}`
  }
}

const chain = (length: number, body: (next: string) => string): string =>
  Array.from({ length }, (_, index) => `${index === 0 ? 'root' : `a${index}`} ::= ${body(`a${index + 1}`)}\n`).join('') +
  `a${length} ::= "z"`

test('what is malformed is refused with its line and column', () => {
  const bad: ReadonlyArray<[grammar: string, place: string, what: string]> = [
    ['root := "a"', '1:6', '::='],
    ['root ::= "a"\nb', '2:2', '::='],
    ['root ::= "a" )', '1:14', 'end of the line'],
    ['root ::= "a"\n  | "b"', '2:3', 'name of a rule'],
    ['root ::= (\n"a"', '2:4', ') is expected'],
    ['root ::= "a', '1:12', 'quote'],
    ['root ::= [a', '1:12', ']'],
    ['root ::= []', '1:11', 'class'],
    ['root ::= [z-a]', '1:11', 'range'],
    [String.raw`root ::= "\q"`, '1:11', 'escape'],
    [String.raw`root ::= "\x4"`, '1:11', 'digits'],
    [String.raw`root ::= "\U00110000"`, '1:11', 'character'],
    ['root ::= "a" b{2}\nb ::= * "a"', '2:7', 'nothing before'],
    ['root ::= ""*', '1:12', 'nothing before'],
    ['root ::= "a"{,3}', '1:14', 'number'],
    ['root ::= "a"{2;}', '1:15', '}'],
    ['root ::= "a"{3,2}', '1:14', 'none'],
    ['root ::= "a"{2001}', '1:14', '2000'],
    ['root ::= "a"{0,2001}', '1:14', '2000'],
    ['root ::= ("a"{0,100}){0,100}', '1:22', '2000'],
    ['root ::= <think>', '1:11', 'number'],
    ['root ::= "a"\0"b"', '1:13', 'character 0'],
    ['root ::= "a"\r\nroot ::= "b"', '2:1', 'second time'],
    ['root ::= "a" |\r\n(b)', '2:2', 'the rule b'],
    ['a ::= "a"', '1:10', 'root'],
    ['', '1:1', 'root'],
  ]
  for (const [grammar, place, what] of bad) {
    const why = refused(grammar)
    assert.ok(why?.startsWith(`${place} `) && why.includes(what), `${grammar}: ${why}`)
  }
})

test('rules that begin with themselves are refused, directly, over others and after what may be empty', () => {
  for (const grammar of [
    'root ::= root "a" | "b"',
    'root ::= "a" | b\nb ::= c "x"\nc ::= b | "y"',
    'root ::= blank root "a" | "b"\nblank ::= other\nother ::= " "?',
    'root ::= (("a")? root)? "b"',
  ])
    assert.match(refused(grammar) ?? '', /begins with itself/, grammar)
  for (const grammar of ['root ::= ("a"*)*', 'root ::= ("a"? blank)+\nblank ::= ""', 'root ::= ("a" | )*'])
    assert.match(refused(grammar) ?? '', /may be empty/, grammar)
})

test('what would take too much time or memory is refused, at once', () => {
  const heavy: Readonly<Record<string, string>> = {
    'repetition of a repetition': 'root ::= ("a"+)+',
    'words with blanks that may be left out': 'root ::= ([a-z]+ " "?)+',
    'many that may be left out': `root ::= ${'"a"? '.repeat(30)}`,
    'so many that looking at one character takes all the time there is': `root ::= ${'"a"? '.repeat(2000)}`,
    'two ends of one beginning': 'root ::= "a" root "b" | "a" root "c" | ""',
    'the same of whole objects': String.raw`root ::= "{\"a\":" root ",\"b\":1}" | "{\"a\":" root ",\"c\":1}" | "null"`,
    'the same in JSON': schemaGrammar({
      anyOf: ['a', 'b'].map((last) => ({ properties: { next: { $ref: '#' }, [last]: true }, required: ['next'] })),
    }),
    'two ways at each of many places': chain(60, (next) => `${next} "x" | ${next} "y"`),
    'equal alternatives of equal alternatives': chain(60, (next) => `${next} | ${next}`),
    'a long row of rules': chain(8000, (next) => next),
    'a million copies': `root ::= ${'"aaaaaaaa"{0,2000} '.repeat(10_000)}`,
    'deep brackets': `root ::= ${'('.repeat(60_000)}"a"${')'.repeat(60_000)}`,
  }
  for (const [what, grammar] of Object.entries(heavy)) assert.ok(refused(grammar), what)
})

test('grammars that are merely large, deep or loose are taken', () => {
  const fine: Readonly<Record<string, string>> = {
    'a list of words': `root ::= ${Array.from({ length: 3000 }, (_, index) => `"w${index}"`).join(' | ')}`,
    'a long text': `root ::= "${'a'.repeat(50_000)}"`,
    'a long comment': `${'# a\n'.repeat(20_000)}root ::= "a"`,
    'a big class': `root ::= [${Array.from({ length: 20_000 }, (_, index) => String.fromCodePoint(0x10000 + 2 * index)).join('')}]+`,
    'blanks everywhere': 'root ::= ws "a"? ws "b"? ws "c"? ws "d"? ws\nws ::= [ \\t\\n]*',
    'a row of rules': chain(1500, (next) => next),
    'the longest repetition': 'root ::= [a-z]{0,2000}',
    tokens: 'root ::= <[5]> !<[6]>* .',
  }
  for (const [what, grammar] of Object.entries(fine)) assert.equal(refused(grammar), undefined, what)
})

test('no text makes the reader fail but with a place in it', () => {
  const pieces = fc.constantFrom(
    ...'root a ::= " [ ] ( ) { } | * + ? , 2 \\ \\x41 ^ - . < ! > # \n \r \t \0 \ud800 é 9999999999999999999'.split(' '),
  )
  const soup = fc.array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 40 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(soup, (text) => void [text, `root ::= ${text}`].map(refused)),
    { numRuns: 200 },
  )
})

void describe('beside llama.cpp', () => {
  let llama: Llama
  before(async () => {
    const { getLlama } = await import('node-llama-cpp')
    llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false })
  })
  const compile = async (grammar: string) => (await llama.createGrammar({ grammar })) as unknown as { _testText(text: string): boolean }

  test('its own example grammars are taken, and ours', () => {
    const folder = new URL('../llama/grammars/', import.meta.resolve('node-llama-cpp'))
    const names = readdirSync(folder).filter((name) => name.endsWith('.gbnf'))
    assert.ok(names.length > 5)
    for (const name of names) assert.equal(refused(readFileSync(new URL(name, folder), 'utf8')), undefined, name)
    assert.equal(refused(jsonObjectGrammar), undefined)
  })

  test('what is taken here is taken there, and means the same', async () => {
    const taken = grammars.filter((grammar) => refused(grammar) === undefined)
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ']', '\n', 'é'), maxLength: 6 }), { minLength: 8, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(taken, texts, async (grammar, samples) => {
        const theirs = await compile(grammar)
        for (const text of samples) assert.equal(fits(grammar, text), theirs._testText(text), JSON.stringify(text))
      }),
    )
  })
})

/** Whether a text is one of a grammar, by our own stacks. */
function fits(grammar: string, text: string): boolean {
  const stacks = new GbnfStacks(new GbnfReader(new GbnfText(grammar)).read())
  const end = Array.from(text).reduce(
    (before, character) => new Set([...before].flatMap((stack) => stacks.after(stack, character.codePointAt(0) ?? 0))),
    new Set(stacks.first()),
  )
  return end.has(EMPTY_STACK)
}

/** Grammars that are mostly well-formed. */
const atoms = fc.constantFrom(...String.raw`"a" "ab" "b\n" "" [ab] [^a] [a-] [\]é-] . "\u00e9]#" b c`.split(' '))
const counts = fc.constantFrom('', '', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,}', '{ 1 , 3 }', '{0}')
const others = fc.tuple(
  fc.constantFrom('"a"', '"b" root', '[ab]? "a"', '"a" | ""'),
  fc.constantFrom('"b"', 'b "a"', '"]" (c\n| "b")', '[^\\n]'),
)
const { alternatives } = fc.letrec<{ sequence: string; alternatives: string }>((tie) => ({
  sequence: fc
    .array(
      fc.tuple(
        fc.oneof(
          { depthSize: 'small' },
          atoms,
          tie('alternatives').map((body) => `(${body})`),
        ),
        counts,
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((items) => items.map((parts) => parts.join('')).join(' ')),
  alternatives: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((options) => options.join(' | ')),
}))
const grammars = fc
  .tuple(alternatives, others)
  .map(([root, [b, c]]) => `# A grammar "\n\nroot ::=\n${root} # of three\r\nb ::= ${b}\n \t\nc ::= ${c}`)
