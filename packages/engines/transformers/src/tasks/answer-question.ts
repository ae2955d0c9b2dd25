import { defined } from '@soma/core'
import type { Signature } from '@soma/spec'
import { ANSWER_TOKENS_MAX } from '../limits.ts'
import { type Abilities, type Parts, inferring, spec } from '../parts.ts'
import { type Span, charactersBefore, spansOf } from '../spans.ts'
import { floats, integers, outputOf, row, softmax, stringOf, strings } from '../tensors.ts'
import type { Sequence, Tokens } from '../tokens.ts'

const signature: Signature = {
  inputs: [spec('question', 'string', [1], 'a question'), spec('context', 'string', [1], 'the text that holds the answer')],
  outputs: [
    spec('answer', 'string', [-1], 'as it stands in the text'),
    spec('score', 'float32', [-1], 'how sure the model is'),
    spec('start', 'int32', [-1], 'its first character in the text, from 0'),
    spec('end', 'int32', [-1], 'the character behind its last'),
  ],
}

/** The stretch of a text that answers a question. */
export function answerQuestion(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  return inferring(signature, async (inputs) => {
    const context = stringOf(inputs, 'context')
    const sequence = tokens.encode('the question with its context', stringOf(inputs, 'question'), context)
    const outputs = await parts.model(tokens.feeds(sequence))
    const places = contextSpans(tokens, context, sequence)
    const first = likelihoods(row(outputOf(outputs, 'start_logits'), 0), places)
    const last = likelihoods(row(outputOf(outputs, 'end_logits'), 0), places)
    const best = bestSpan(first, last)
    const { start, end } = { start: places[best.first]?.start ?? 0, end: places[best.last]?.end ?? 0 }
    return [
      strings('answer', [context.slice(start, end)]),
      floats('score', [best.score]),
      integers('start', [charactersBefore(context, start)]),
      integers('end', [charactersBefore(context, end)]),
    ]
  })
}

/** Where the tokens of the context stand in it; undefined for all that come before. */
function contextSpans(tokens: Tokens, context: string, { ids }: Sequence): Array<Span | undefined> {
  const special = new Set(tokens.tokenizer.all_special_ids)
  const from = ids.findIndex((id, index) => index > 0 && special.has(id))
  return [...ids.slice(0, from).map(() => undefined), ...spansOf(tokens, context, ids.slice(from))]
}

/** The first token stands for "no answer": it takes its share, and cannot be chosen. */
function likelihoods(logits: readonly number[], places: ReadonlyArray<Span | undefined>): number[] {
  const all = softmax(logits.map((logit, index) => (index === 0 || places[index] ? logit : -Infinity)))
  return all.map((share, index) => (places[index] ? share : 0))
}

function bestSpan(
  first: readonly number[],
  last: readonly number[],
): { readonly first: number; readonly last: number; readonly score: number } {
  let best = { first: 0, last: 0, score: 0 }
  for (const [from, begin] of first.entries())
    for (let to = from; to < Math.min(last.length, from + ANSWER_TOKENS_MAX); to++) {
      const score = begin * (last[to] ?? 0)
      if (score > best.score) best = { first: from, last: to, score }
    }
  return best
}
