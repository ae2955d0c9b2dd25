// `npm run bench [row…] [--json] [--write]`: every number the project claims, beside its reference in the same run.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Result, measure } from './measure.ts'
import { rows } from './rows/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, write: { type: 'boolean' }, help: { type: 'boolean' } },
})
if (values.help) {
  console.log(
    `npm run bench -- [row…] [--json] [--write]\n\nRows:\n${rows.map(({ name, what }) => `  ${name.padEnd(18)} ${what}`).join('\n')}\n\n--json   one JSON object a line\n--write  puts the figures into docs/benchmarks.md`,
  )
  process.exit(0)
}
const unknown = positionals.filter((name) => !rows.some((row) => row.name === name))
if (unknown.length > 0) {
  console.error(`no such row: ${unknown.join(', ')}; rows are ${rows.map(({ name }) => name).join(', ')}`)
  process.exit(64)
}

// What is measured is what the sources say now, not what somebody built last.
execFileSync(process.execPath, [join(import.meta.dirname, '..', 'scripts', 'build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] })
const results: Result[] = []
for (const row of rows.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const lacking = row.needs?.()
  if (lacking !== undefined) {
    console.error(`left out ${row.name}: it needs ${lacking}`)
    continue
  }
  const result = await measure(row)
  results.push(result)
  console.log(values.json ? JSON.stringify(result) : line(result))
}
if (values.write) write(results)
process.exit(0)

function line({ row, unit, ours, reference, ratio, target, met, extra }: Result): string {
  const more = Object.entries(extra)
    .map(([name, value]) => `, ${name} ${round(value)}`)
    .join('')
  return `${met ? 'met   ' : 'MISSED'} ${row}: ${round(ours.p50)} ${unit} (p99 ${round(ours.p99)}, n ${ours.n}${more}) against ${round(reference.p50)} ${unit} (p99 ${round(reference.p99)}, n ${reference.n}): ${round(ratio)}×; target ${target}`
}

function round(value: number): string {
  return Number(value.toPrecision(3)).toString()
}

/** Rows that were not measured now stay as they are. */
function write(measured: readonly Result[]): void {
  const path = join(import.meta.dirname, '..', 'docs', 'benchmarks.md')
  const text = readFileSync(path, 'utf8')
  const [begin, end] = ['<!-- figures -->', '<!-- /figures -->']
  const kept = text.slice(text.indexOf(begin), text.indexOf(end)).split('\n')
  const lineOf = ({ name }: { readonly name: string }): string[] => {
    const result = measured.find(({ row }) => row === name)
    return result ? [cells(result)] : kept.filter((line) => line.startsWith('| ') && line.split('|')[1]?.trim() === name)
  }
  const table = [
    '| row | reference | ours p50 (p99) | reference p50 (p99) | n | ratio | target | |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.flatMap(lineOf),
  ].join('\n')
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} CPUs, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`
  writeFileSync(path, `${text.slice(0, text.indexOf(begin))}${begin}\n\n${machine}\n\n${table}\n\n${text.slice(text.indexOf(end))}`)
}

function cells({ row, unit, ours, reference, ratio, target, met, extra }: Result): string {
  const against = rows.find(({ name }) => name === row)?.against ?? ''
  const more = Object.entries(extra)
    .map(([name, value]) => `; ${name} ${round(value)}`)
    .join('')
  return `| ${row} | ${against} | ${round(ours.p50)} ${unit} (${round(ours.p99)})${more} | ${round(reference.p50)} ${unit} (${round(reference.p99)}) | ${ours.n} | ${round(ratio)}× | ${target} | ${met ? 'met' : '**missed**'} |`
}
