import type { Accelerator, CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { type Column, formatFields, formatTable } from '../output/table.ts'
import { formatBytes } from '../output/units.ts'

type Output = CallOutput<'system.hardware'>

export const command = defineCommand({
  examples: ['soma hardware', 'soma hardware --json | jq .accelerators'],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('system.hardware', {}, { signal: ctx.signal })
    ctx.show(output, () => render(output, ctx))
  },
})

function render(facts: Output, { terminal }: CommandContext): string[] {
  const { accelerators = [], cpu } = facts
  const fields: Array<readonly [string, string]> = [
    ['system', [facts.platform, facts.arch, ...(facts.container ? [`in ${facts.container}`] : [])].join(', ')],
    ['cpus', describeCpus(facts)],
    ...(cpu
      ? ([['features', `${cpu.features.join(' ')}${cpu.vectorBits > 0 ? `; vectors of ${cpu.vectorBits} bits` : ''}`]] as const)
      : []),
    ...(cpu && cpu.numaNodes > 1 ? ([['numa', `${cpu.numaNodes} nodes`]] as const) : []),
    ['memory', `${formatBytes(facts.memoryAvailableBytes)} of ${formatBytes(facts.memoryBytes)} available`],
    ...(facts.hugepages && facts.hugepages.total > 0
      ? ([
          ['huge pages', `${facts.hugepages.free} of ${facts.hugepages.total} free, ${formatBytes(facts.hugepages.sizeBytes)} each`],
        ] as const)
      : []),
  ]
  const table =
    accelerators.length === 0 ? ['No accelerator was found: models run on the CPU.'] : formatTable(accelerators, columns, terminal)
  return [...formatFields(fields, terminal.paint), '', ...table]
}

function describeCpus({ cpus, cpu }: Output): string {
  if (!cpu) return `${cpus} usable`
  const quota = cpu.quota === null ? '' : `, the container may use ${cpu.quota} of them`
  return `${cpu.model}: ${cpu.cores} cores, ${cpu.threads} threads${quota}; ${cpus} usable`
}

const columns: ReadonlyArray<Column<Accelerator>> = [
  { title: 'device', value: ({ id }) => id },
  { title: 'name', value: ({ vendor, name }) => `${vendor} ${name}`, shrinks: true },
  { title: 'memory', value: memoryOf, align: 'right' },
  { title: 'through', value: ({ apis }) => apis.join(' ') },
  { title: 'driver', value: ({ driver }) => driver ?? '', optional: true },
]

function memoryOf({ memoryBytes, memoryFreeBytes, unified }: Accelerator): string {
  if (memoryBytes === null) return unified ? 'shared' : ''
  const free = memoryFreeBytes === null ? '' : `${formatBytes(memoryFreeBytes)} of `
  return `${free}${formatBytes(memoryBytes)}${unified ? ', shared' : ''}`
}
