import { engineCompliance } from '@soma/testkit/engine'
import { goldenAnswer, goldenRequest, recorded, recordedAs, tinyLlmFolder, tinyOnnxFiles } from '@soma/testkit/tiny-llm'
import { descriptor } from './index.ts'

// The ONNX form of the trained model whose answers are known to the letter; llama runs its GGUF.
engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: {
    format: 'onnx',
    task: 'text-generation',
    roles: { model: 'onnx/model.onnx', tokenizer: 'tokenizer.json' },
    files: Object.fromEntries(tinyOnnxFiles.map((path) => [path, new URL(`model/${path}`, tinyLlmFolder)])),
  },
  generate: {
    long: goldenRequest(recordedAs('count-30')),
    answers: recorded.map(goldenAnswer),
    tooLong: { temperature: 0, messages: [{ role: 'user', content: 'Is water wet? '.repeat(400) }] },
    cannot: [
      { name: 'images', request: { messages: [{ role: 'user', content: 'What is this?', images: [new Uint8Array(4)] }] } },
      { name: 'tools', request: { prompt: 'Hello', tools: [{ name: 'help' }] } },
      {
        name: 'toolChoice',
        request: { messages: [{ role: 'user', content: 'Hello!' }], tools: [{ name: 'help' }], toolChoice: 'required' },
      },
      { name: 'format', request: { prompt: 'Hello', format: { type: 'json' } } },
    ],
  },
})
