import { type CallOutput, type ForeignCall, type ForeignRequest, embedFields } from '@soma/spec'
import { z } from 'zod'
import { readJson, unread } from './codec.ts'
import { priorityOf } from './priority.ts'
import { jsonReply, requestId } from './reply.ts'

const Text = z.string('tokens are those of OpenAI’s own tokenizers, so send text')

const EmbeddingsSchema = z.strictObject({
  model: z.string(),
  input: z.preprocess((input) => (typeof input === 'string' ? [input] : input), z.array(Text).min(1)),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: embedFields.dimensions.nullable(),
  user: unread,
})

/** `POST /embeddings` */
export function embed(request: ForeignRequest): ForeignCall {
  const { model, input, encoding_format: encoding, dimensions } = readJson(EmbeddingsSchema, request)
  return {
    input: { model, input, dimensions: dimensions ?? undefined, priority: priorityOf(request) },
    reply: (output, at) => ({
      ...jsonReply(embeddingsOf(model, output as CallOutput<'model.embed'>, encoding === 'base64')),
      headers: requestId(at),
    }),
  }
}

function embeddingsOf(model: string, { embeddings, usage }: CallOutput<'model.embed'>, asBase64: boolean): object {
  const [count = 0, dimensions = 0] = embeddings.shape
  const rowBytes = dimensions * Float32Array.BYTES_PER_ELEMENT
  const rows = Array.from({ length: count }, (_, index) => embeddings.data.subarray(index * rowBytes, (index + 1) * rowBytes))
  return {
    object: 'list',
    data: rows.map((row, index) => ({
      object: 'embedding',
      index,
      embedding: asBase64 ? Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64') : numbersOf(row),
    })),
    model,
    usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
  }
}

/** A copy: a row need not begin where floats may. */
function numbersOf(row: Uint8Array): number[] {
  return [...new Float32Array(row.slice().buffer)]
}
