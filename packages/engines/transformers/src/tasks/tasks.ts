import { embed } from '../embed.ts'
import { generate } from '../generate.ts'
import type { ModelClassName } from '../library.ts'
import type { TaskName } from '../options.ts'
import { type Abilities, type Parts, noTensors } from '../parts.ts'
import { rerank } from '../rerank.ts'
import { transcribe } from '../transcribe.ts'
import { answerQuestion } from './answer-question.ts'
import { classifyText, classifyTextZeroShot } from './classify-text.ts'
import { fillMask } from './fill-mask.ts'
import { classifyImage, classifyImageZeroShot, describeImage, detectObjects } from './look-at-picture.ts'
import { rewriteText } from './rewrite-text.ts'
import { tagTokens } from './tag-tokens.ts'

export interface Task {
  /** The library's classes that load models of it: the first that knows the model's kind. */
  readonly models: readonly ModelClassName[]
  /** Beside the model: a tokenizer, and what makes numbers of pictures or sound. */
  readonly needs: readonly ('tokenizer' | 'processor')[]
  readonly open: (parts: Parts, randomSeed: () => number) => Abilities
}

/** Of models that take no tensors, but as many tokens. */
function bounded({ tokens }: Parts): Pick<Abilities, 'signature' | 'contextLength'> {
  return { signature: noTensors, ...(tokens && { contextLength: tokens.max }) }
}

const text = ['tokenizer'] as const
const picture = ['processor'] as const
const both = ['tokenizer', 'processor'] as const

const embedding: Task = { models: ['AutoModel'], needs: text, open: (parts) => ({ ...bounded(parts), embed: embed(parts) }) }
const rewriting: Task = { models: ['AutoModelForSeq2SeqLM'], needs: text, open: rewriteText }

export const tasks: Readonly<Record<TaskName, Task>> = {
  'feature-extraction': embedding,
  'sentence-similarity': embedding,
  'text-ranking': {
    models: ['AutoModelForSequenceClassification'],
    needs: text,
    open: (parts) => ({ ...bounded(parts), rerank: rerank(parts) }),
  },
  'text-generation': {
    models: ['AutoModelForCausalLM'],
    needs: text,
    open: (parts, randomSeed) => ({ ...bounded(parts), generate: generate(parts, randomSeed) }),
  },
  'text-classification': { models: ['AutoModelForSequenceClassification'], needs: text, open: classifyText },
  'zero-shot-classification': { models: ['AutoModelForSequenceClassification'], needs: text, open: classifyTextZeroShot },
  'token-classification': { models: ['AutoModelForTokenClassification'], needs: text, open: tagTokens },
  'question-answering': { models: ['AutoModelForQuestionAnswering'], needs: text, open: answerQuestion },
  'fill-mask': { models: ['AutoModelForMaskedLM'], needs: text, open: fillMask },
  summarization: rewriting,
  translation: rewriting,
  'text2text-generation': rewriting,
  'automatic-speech-recognition': {
    models: ['AutoModelForSpeechSeq2Seq', 'AutoModelForCTC'],
    needs: both,
    open: (parts) => ({ signature: noTensors, transcribe: transcribe(parts) }),
  },
  'image-classification': { models: ['AutoModelForImageClassification'], needs: picture, open: classifyImage },
  'zero-shot-image-classification': { models: ['AutoModel'], needs: both, open: classifyImageZeroShot },
  'object-detection': { models: ['AutoModelForObjectDetection'], needs: picture, open: detectObjects },
  'image-to-text': { models: ['AutoModelForVision2Seq'], needs: both, open: describeImage },
}
