// ARCHITECTURE.md can be followed with the code open: every file and function that it names exists.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

const root = join(import.meta.dirname, '..')
const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
const rows = text.split('\n').flatMap((line) => {
  const [, step = '', files = '', functions = ''] = /^\| ([^|]+) \| ([^|]*`[^|]+) \| ([^|]*`[^|]+) \|$/.exec(line) ?? []
  return step === '' ? [] : [{ step, files: quoted(files), functions: quoted(functions) }]
})

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inner = '']) => inner)
}

/** Whether the file defines something of that name: a function, class, constant or method. */
function defines(source: string, name: string): boolean {
  return [
    `function\\*? ${name}\\b`,
    `class ${name}\\b`,
    `const ${name}\\b`,
    `^ +(async )?\\*?#?${name}(<[^(]*>)?\\(`,
    `^ +${name}: (async )?\\(`,
    `^ +(private |readonly )?#?${name} =`,
  ].some((pattern) => new RegExp(pattern, 'm').test(source))
}

test('the data paths name files and functions', () => {
  const paths = rows.filter(({ files }) => files.some((file) => file.startsWith('packages/')))
  assert.ok(paths.length >= 35, `${paths.length} steps`)
})

test('every step’s files exist and define the functions it names', () => {
  const errors: string[] = []
  for (const { step, files, functions } of rows) {
    const paths = files.filter((file) => file.startsWith('packages/') && file.endsWith('.ts'))
    for (const path of paths) if (!existsSync(join(root, path))) errors.push(`${step}: ${path} does not exist`)
    const sources = paths.filter((path) => existsSync(join(root, path))).map((path) => readFileSync(join(root, path), 'utf8'))
    for (const name of paths.length > 0 ? functions.filter((word) => /^\w+$/.test(word)) : []) {
      if (!sources.some((source) => defines(source, name))) errors.push(`${step}: ${name} is not in ${paths.join(', ')}`)
    }
  }
  assert.deepEqual(errors, [])
})

test('every other path it names exists', () => {
  const missing = quoted(text)
    .filter((word) => /^(packages|test|docs)\//.test(word) && !word.includes('<'))
    .filter((path) => globSync(path, { cwd: root }).length === 0)
  assert.deepEqual(missing, [])
})
