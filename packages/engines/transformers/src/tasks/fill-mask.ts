import { defined } from '@soma/core'
import type { Signature } from '@soma/spec'
import { mismatch } from '../errors.ts'
import { SUGGESTIONS_MAX } from '../limits.ts'
import { type Abilities, type Parts, inferring, spec } from '../parts.ts'
import { floats, outputOf, ranked, row, softmax, stringOf, strings } from '../tensors.ts'

const signature: Signature = {
  inputs: [spec('text', 'string', [1], 'a text with one masked word, as the model writes it: [MASK], <mask>')],
  outputs: [
    spec('token', 'string', [-1], 'what could stand there, likeliest first'),
    spec('score', 'float32', [-1], 'how likely it is'),
    spec('text', 'string', [-1], 'the whole text with it'),
  ],
}

/** Words for a gap. */
export function fillMask(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  return inferring(signature, async (inputs) => {
    const { mask_token: mask, mask_token_id: maskId } = tokens.tokenizer
    const sequence = tokens.encode('the text', stringOf(inputs, 'text'))
    const gaps = sequence.ids.flatMap((id, index) => (id === maskId ? [index] : []))
    const [gap] = gaps
    if (gap === undefined || gaps.length > 1) throw mismatch('text', `one ${mask ?? 'mask'} in it`, String(gaps.length))
    const scores = softmax(row(outputOf(await parts.model(tokens.feeds(sequence)), 'logits'), gap))
    const best = ranked(
      scores.map((score, id) => ({ id, score })),
      SUGGESTIONS_MAX,
    )
    return [
      strings(
        'token',
        best.map(({ id }) => tokens.decode([id], { special: true }).trim()),
      ),
      floats(
        'score',
        best.map(({ score }) => score),
      ),
      strings(
        'text',
        best.map(({ id }) => tokens.decode(sequence.ids.with(gap, id))),
      ),
    ]
  })
}
