// Nearest paragraphs of a folder to a question: `node examples/search/search.ts <model> <folder> <question>`.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, values } from '@soma/sdk'

const SHOWN = 2

const [model = '', folder = '', question = ''] = process.argv.slice(2)
const paragraphs = globSync('**/*.{md,txt}', { cwd: folder })
  .toSorted()
  .flatMap((file) =>
    readFileSync(join(folder, file), 'utf8')
      .split(/\n\s*\n/)
      .map((text) => ({ file, text: text.trim() })),
  )

await using soma = await connect()
const { embeddings } = await soma.model.embed({ model, input: [question, ...paragraphs.map(({ text }) => text)] })
const all = values(embeddings).map(Number)
const size = embeddings.shape[1] ?? 0
const vector = (index: number): number[] => all.slice(index * size, (index + 1) * size)
const asked = vector(0)
// Vectors have length 1, so that their product is the cosine of the angle between them.
const cosine = (other: readonly number[]): number => other.reduce((sum, value, index) => sum + value * (asked[index] ?? 0), 0)
const ranked = paragraphs.map((paragraph, index) => ({ ...paragraph, nearness: cosine(vector(index + 1)) }))
for (const { file, text, nearness } of ranked.toSorted((a, b) => b.nearness - a.nearness).slice(0, SHOWN))
  console.log(`${nearness.toFixed(2)}  ${file}: ${text}`)
