import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { formatDate } from '../../output/units.ts'
import type { Key } from './describe.ts'

export const command = defineCommand({
  examples: ['soma key list', "soma key list --json | jq -r '.keys[] | select(.trusted) | .name'"],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('key.list', {}, { signal: ctx.signal })
    ctx.show(output, ({ keys }) => {
      if (keys.length > 0) return formatTable(keys, columns, ctx.terminal)
      return ['no keys; make one to sign with (soma key create), or import those of others (soma key import)']
    })
  },
})

const columns: ReadonlyArray<Column<Key>> = [
  { title: 'name', value: ({ name }) => name },
  { title: 'trusted', value: ({ trusted }) => (trusted ? 'yes' : 'no') },
  { title: 'signs', value: ({ canSign }) => (canSign ? 'yes' : 'no') },
  { title: 'since', value: ({ createdAt }) => formatDate(createdAt), optional: true },
  { title: 'algorithms', value: ({ algorithms }) => algorithms.join(' and '), shrinks: true, optional: true },
  { title: 'id', value: ({ id }) => id, shrinks: true },
]
