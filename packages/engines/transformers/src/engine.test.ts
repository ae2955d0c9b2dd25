import assert from 'node:assert/strict'
import { type Tensor, encodeStrings } from '@soma/spec'
import { engineCompliance } from '@soma/testkit/engine'
import { descriptor } from './index.ts'
import { sentimentModel } from './test-models.ts'
import { values } from './test-engine.ts'

const text = (...texts: string[]): Tensor => ({ name: 'text', dtype: 'string', shape: [texts.length], data: encodeStrings(texts) })

engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: sentimentModel(),
  sample: (seed) => ({
    inputs: [text(...Array.from({ length: 1 + (seed % 4) }, (_, index) => ((seed + index) % 3 === 0 ? 'a good film' : 'bad')))],
    check: (outputs) => {
      const labels = Array.from({ length: 1 + (seed % 4) }, (_, index) =>
        (seed + index) % 3 === 0 ? ['POSITIVE', 'NEGATIVE'] : ['NEGATIVE', 'POSITIVE'],
      ).flat()
      assert.deepEqual(values(outputs, 'label'), labels)
    },
  }),
  corrupt: ['config.json', 'tokenizer.json'].flatMap((path) =>
    ['', '{', '[]', '{"model":1}']
      .filter((content) => path === 'tokenizer.json' || content !== '{"model":1}')
      .map((content) => ({ ...sentimentModel(), files: { ...sentimentModel().files, [path]: content } })),
  ),
})
