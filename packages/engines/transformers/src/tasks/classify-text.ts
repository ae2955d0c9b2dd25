import { defined, throwIfAborted } from '@soma/core'
import type { Signature, Tensor } from '@soma/spec'
import { mismatch, unsupported } from '../errors.ts'
import { CANDIDATES_MAX, LABELS_SHOWN_MAX } from '../limits.ts'
import { type Abilities, type Parts, inferring, labelCount, labelIndex, labelOf, optional, spec } from '../parts.ts'
import { rerank } from '../rerank.ts'
import { type Scored, floats, outputOf, ranked, row, sigmoid, softmax, stringOf, strings, stringsOf } from '../tensors.ts'
import type { Sequence, Tokens } from '../tokens.ts'

const classification: Signature = {
  inputs: [spec('text', 'string', [-1], 'texts')],
  outputs: [
    spec('label', 'string', [-1, -1], 'of each text, the classes, likeliest first'),
    spec('score', 'float32', [-1, -1], 'how sure the model is of each'),
  ],
}

const zeroShot: Signature = {
  inputs: [
    spec('text', 'string', [1], 'one text'),
    spec('labels', 'string', [-1], 'what it could be about'),
    optional(spec('template', 'string', [1], 'a sentence with {} where a label goes; "This example is {}." when absent')),
    optional(spec('multi', 'bool', [1], 'whether several labels may be true at once; false when absent')),
  ],
  outputs: [spec('label', 'string', [-1], 'the labels, likeliest first'), spec('score', 'float32', [-1], 'how sure the model is of each')],
}

/** Classes of texts. A model with one class tells how well a text fits, which is what rerankers do: it can be asked that, too. */
export function classifyText(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  const abilities = inferring(classification, async (inputs, signal) => {
    const answers: Scored[][] = []
    for (const [index, text] of (stringsOf(inputs, 'text') ?? []).entries()) {
      throwIfAborted(signal)
      const scores = scoresOf(parts, await logitsOf(parts, tokens.encode(`text ${index}`, text)))
      answers.push(ranked(scores, LABELS_SHOWN_MAX))
    }
    return table(answers)
  })
  return labelCount(parts.config) === 1 ? { ...abilities, rerank: rerank(parts) } : abilities
}

function table(answers: readonly Scored[][]): Tensor[] {
  const shape = [answers.length, answers[0]?.length ?? 0]
  const cells = answers.flat()
  return [
    strings(
      'label',
      cells.map(({ label }) => label),
      shape,
    ),
    floats(
      'score',
      cells.map(({ score }) => score),
      shape,
    ),
  ]
}

/** Classes of which one is true share 1 between them; of those that can all be true, and of a single one, each has its own. */
function scoresOf({ config }: Parts, logits: readonly number[]): Scored[] {
  const apart = config['problem_type'] === 'multi_label_classification' || logits.length === 1
  const scores = apart ? logits.map(sigmoid) : softmax(logits)
  return scores.map((score, index) => ({ label: labelOf(config, index), score }))
}

async function logitsOf({ model, tokens }: Parts, sequence: Sequence): Promise<number[]> {
  return row(outputOf(await model(defined(tokens, 'the task takes text').feeds(sequence)), 'logits'), 0)
}

/** Any labels: each is put into a sentence, and a model of inference asked whether the text entails it. */
export function classifyTextZeroShot(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  const entailment = labelIndex(parts.config, 'entailment')
  if (entailment === undefined)
    throw unsupported('task', 'zero-shot classification needs a model of inference, with a class named "entailment"', { task: parts.task })
  const contradiction = labelIndex(parts.config, 'contradiction', 'not_entailment')
  return inferring(zeroShot, async (inputs, signal) => {
    const text = stringOf(inputs, 'text')
    const labels = candidates(inputs)
    const template = templateOf(inputs, 'This example is {}.')
    const logits: Array<readonly [number, number]> = []
    for (const label of labels) {
      throwIfAborted(signal)
      const all = await logitsOf(
        parts,
        encodePair(
          tokens,
          text,
          template.replace('{}', () => label),
        ),
      )
      logits.push([all[entailment] ?? 0, contradiction === undefined ? 0 : (all[contradiction] ?? 0)])
    }
    const apart = inputs.find(({ name }) => name === 'multi')?.data[0] === 1 || labels.length === 1
    const scores = apart ? logits.map(([yes, no]) => softmax([yes, no])[0] ?? 0) : softmax(logits.map(([yes]) => yes))
    return list(
      ranked(
        labels.map((label, index) => ({ label, score: scores[index] ?? 0 })),
        labels.length,
      ),
    )
  })
}

function encodePair(tokens: Tokens, text: string, hypothesis: string): Sequence {
  return tokens.encode('the text with a label', text, hypothesis)
}

/** The labels to choose from. */
export function candidates(inputs: readonly Tensor[]): string[] {
  const labels = stringsOf(inputs, 'labels') ?? []
  if (labels.length === 0 || labels.length > CANDIDATES_MAX)
    throw mismatch('labels', `1 to ${CANDIDATES_MAX} labels`, String(labels.length))
  return labels
}

/** The sentence that labels are put into. */
export function templateOf(inputs: readonly Tensor[], otherwise: string): string {
  const template = stringsOf(inputs, 'template')?.[0] ?? otherwise
  if (!template.includes('{}')) throw mismatch('template', 'a sentence with {} in it', JSON.stringify(template.slice(0, 100)))
  return template
}

/** Labels and their scores, as columns. */
export function list(answers: readonly Scored[]): Tensor[] {
  return [
    strings(
      'label',
      answers.map(({ label }) => label),
    ),
    floats(
      'score',
      answers.map(({ score }) => score),
    ),
  ]
}
