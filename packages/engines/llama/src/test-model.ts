import type { GoldenAnswer, ModelFixture } from '@soma/testkit/engine'
import { goldenAnswer as answerOf, goldenRequest, recorded, recordedAs, tinyLlmFolder as folder } from '@soma/testkit/tiny-llm'

/** The tiny trained model of `tools/tiny-llm`. */
export const tinyModel: ModelFixture = {
  files: { 'tiny-llm.gguf': new URL('model/tiny-llm.gguf', folder) },
  roles: { model: 'tiny-llm.gguf' },
  format: 'gguf',
  task: 'text-generation',
}

/** The same with an adapter that makes it talk like a pirate. */
export const pirateModel: ModelFixture = {
  ...tinyModel,
  files: { ...tinyModel.files, 'pirate-lora.gguf': new URL('model/pirate-lora.gguf', folder) },
  settings: { lora: ['pirate-lora.gguf'] },
}

/** What the model answers to the letter when it takes the likeliest token each time. */
export const goldenAnswers: readonly GoldenAnswer[] = recorded.map(answerOf)

export function goldenAnswer(name: string): GoldenAnswer {
  return answerOf(recordedAs(name))
}

export const goldenPirateAnswers: readonly GoldenAnswer[] = recorded.flatMap((one) =>
  one.lora ? [{ request: goldenRequest(one), text: one.lora.answer, generatedTokens: one.lora.tokens.length }] : [],
)
