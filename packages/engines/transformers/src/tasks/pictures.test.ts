import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import type { Tensor } from '@soma/spec'
import sharp from 'sharp'
import { near, text, texts, values, withModel } from '../test-engine.ts'
import { captionModel, coloursModel, lampModel, matchingModel } from '../test-picture-models.ts'

const image = (data: Uint8Array): Tensor => ({ name: 'image', dtype: 'uint8', shape: [data.byteLength], data: new Uint8Array(data) })

async function plain(background: string, format: 'png' | 'jpeg' | 'webp' = 'png'): Promise<Tensor> {
  return image(
    await sharp({ create: { width: 40, height: 20, channels: 3, background } })
      .toFormat(format)
      .toBuffer(),
  )
}

const softmax = (logits: readonly number[]): number[] => {
  const powers = logits.map(Math.exp)
  return powers.map((power) => power / powers.reduce((sum, other) => sum + other))
}

describe('pictures', () => {
  it('are classified, whatever file they come in', async () => {
    await withModel(coloursModel(), async ({ infer }) => {
      const [sure = 0, other = 0] = softmax([4, 0, 0])
      for (const format of ['png', 'webp'] as const) {
        const outputs = await infer(await plain('#0000ff', format))
        assert.deepEqual(values(outputs, 'label')[0], 'blue')
        near(values(outputs, 'score'), [sure, other, other], 0.02)
      }
      assert.equal(values(await infer(await plain('#ff0000', 'jpeg')), 'label')[0], 'red')
    })
  })

  it('that are transparent lie on white, and EXIF turns them', async () => {
    await withModel(coloursModel(), async ({ infer }) => {
      const clear = await sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } } })
        .png()
        .toBuffer()
      near(values(await infer(image(clear)), 'score'), [1 / 3, 1 / 3, 1 / 3])
    })
  })

  it('that cannot be decoded are refused as unreadable: noise, cut off, empty, SVG, too many pixels', async () => {
    const whole = (await plain('#ff0000', 'jpeg')).data
    const bomb = await sharp({ create: { width: 16_000, height: 5000, channels: 3, background: '#fff' } })
      .png()
      .toBuffer()
    const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')
    await withModel(coloursModel(), async ({ infer }) => {
      for (const bytes of [Uint8Array.of(1, 2, 3), whole.subarray(0, whole.length - 40), new Uint8Array(0), svg, bomb])
        await assert.rejects(infer(image(bytes)), (error) => isSomaError(error, 'model/unreadable-input'))
    })
  })

  it('are matched with any labels', async () => {
    await withModel(matchingModel(), async ({ infer }) => {
      const labels = texts('labels', 'red', 'green', 'blue')
      const outputs = await infer(await plain('#00ff00'), labels)
      assert.equal(values(outputs, 'label')[0], 'green')
      near(values(outputs, 'score'), softmax([4, 0, 0]))
      near(values(await infer(await plain('#00ff00'), labels, text('template', 'red {}')), 'score'), softmax([4, 0, 0]))
    })
  })

  it('are matched with each label for itself by models that were trained so', async () => {
    await withModel(matchingModel('siglip'), async ({ infer }) => {
      const outputs = await infer(await plain('#00ff00'), texts('labels', 'red', 'green'))
      near(values(outputs, 'score'), [1 / (1 + Math.exp(-4)), 0.5])
    })
  })

  it('have things in them, at places in pixels of the picture as it came', async () => {
    await withModel(lampModel(), async ({ infer }) => {
      const outputs = await infer(await plain('#ff0000'))
      assert.deepEqual(values(outputs, 'label'), ['lamp'])
      near(values(outputs, 'score'), [softmax([8, 0])[0] ?? 0])
      assert.deepEqual(outputs.find(({ name }) => name === 'box')?.shape, [1, 4])
      near(values(outputs, 'box'), [10, 5, 30, 15])
      assert.deepEqual(
        (await infer(await plain('#0000ff'))).map(({ shape }) => shape),
        [[0], [0], [0, 4]],
      )
      const threshold = { name: 'threshold', dtype: 'float32' as const, shape: [1], data: new Uint8Array(Float32Array.of(0.4).buffer) }
      near(values(await infer(await plain('#0000ff'), threshold), 'score'), [0.5])
    })
  })

  it('are described', async () => {
    await withModel(captionModel(), async ({ infer }) => {
      assert.deepEqual(values(await infer(await plain('#ff0000')), 'text'), ['a red rose'])
      assert.deepEqual(values(await infer(await plain('#0000ff')), 'text'), ['the sea'])
    })
  })
})
