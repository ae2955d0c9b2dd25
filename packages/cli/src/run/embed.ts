import { decodeValues } from '@soma/spec'
import type { Client, CommandContext } from '../command.ts'
import { inline } from '../output/text.ts'
import { type Column, formatTable } from '../output/table.ts'
import { formatTimings } from './answer.ts'
import { type RunOptions, overflowOf, urgencyOf } from './options.ts'

interface Row {
  readonly text: string
  readonly vector: readonly number[]
  /** To the first text. */
  readonly nearness: number
}

/** Vectors of texts: their beginnings, and how near each is to the first. */
export async function embed(
  ctx: CommandContext,
  client: Client,
  { model, texts, options }: { model: string; texts: readonly string[]; options: RunOptions },
): Promise<void> {
  const request = { model, input: [...texts], ...overflowOf(options), ...urgencyOf(options) }
  const output = await client.call('model.embed', request, { signal: ctx.signal })
  ctx.show(output, ({ embeddings }) => {
    const [, size = 0] = embeddings.shape
    const values = decodeValues(embeddings.dtype, embeddings.data).map(Number)
    const vectors = texts.map((_, index) => values.slice(index * size, (index + 1) * size))
    const rows = texts.map((text, index): Row => ({
      text,
      vector: vectors[index] ?? [],
      nearness: dot(vectors[index] ?? [], vectors[0] ?? []),
    }))
    return formatTable(rows, columns(size), ctx.terminal)
  })
  if (ctx.globals.json === true) return
  const { stderrPaint: paint } = ctx.terminal
  const cut = output.truncated?.map((index) => `text ${index + 1}`) ?? []
  if (cut.length > 0) ctx.terminal.note(paint.yellow(`Too long for the model, and cut to fit: ${cut.join(', ')}.`))
  ctx.terminal.note(paint.dim(formatTimings(output.timings)))
}

function columns(size: number): ReadonlyArray<Column<Row>> {
  return [
    { title: 'text', value: ({ text }) => inline(text), shrinks: true },
    {
      title: `vector of ${size}`,
      value: ({ vector }) =>
        `${vector
          .slice(0, 4)
          .map((value) => value.toFixed(3))
          .join(' ')} …`,
    },
    { title: 'to the first', value: ({ nearness }) => nearness.toFixed(3), align: 'right' },
  ]
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}
