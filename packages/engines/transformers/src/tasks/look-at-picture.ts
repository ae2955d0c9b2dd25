import { defined } from '@soma/core'
import type { Signature, Tensor } from '@soma/spec'
import { LABELS_SHOWN_MAX, OBJECT_SCORE_MIN } from '../limits.ts'
import type { Feeds, FoundObjects, LibraryImage, LibraryTensor, Processor } from '../library.ts'
import { type Abilities, type Parts, inferring, labelOf, optional, spec } from '../parts.ts'
import { decodePicture } from '../picture.ts'
import { bytesOf, floats, outputOf, ranked, row, sigmoid, softmax, strings } from '../tensors.ts'
import { candidates, list, templateOf } from './classify-text.ts'
import { write } from './rewrite-text.ts'

const image = spec('image', 'uint8', [-1], 'a picture file: PNG, JPEG, WebP, GIF, TIFF, AVIF')
const label = spec('label', 'string', [-1], 'what it shows, likeliest first')
const score = spec('score', 'float32', [-1], 'how sure the model is of each')
const classification: Signature = { inputs: [image], outputs: [label, score] }
const zeroShot: Signature = {
  inputs: [
    image,
    spec('labels', 'string', [-1], 'what it could show'),
    optional(spec('template', 'string', [1], 'a sentence with {} where a label goes; "This is a photo of {}" when absent')),
  ],
  outputs: [label, score],
}
const detection: Signature = {
  inputs: [image, optional(spec('threshold', 'float32', [1], 'how sure the model must be; 0.9 when absent'))],
  outputs: [label, score, spec('box', 'float32', [-1, 4], 'left, top, right, bottom in pixels')],
}
const description: Signature = { inputs: [image], outputs: [spec('text', 'string', [-1], 'what the picture shows, or says')] }

/** What a picture shows, of the classes that a model knows. */
export function classifyImage(parts: Parts): Abilities {
  return inferring(classification, async (inputs) => {
    const { feeds } = await see(parts, inputs)
    const logits = row(outputOf(await parts.model({ pixel_values: feeds['pixel_values'] }), 'logits'), 0)
    const scores = softmax(logits).map((score, index) => ({ label: labelOf(parts.config, index), score }))
    return list(ranked(scores, LABELS_SHOWN_MAX))
  })
}

/** Any labels: models that put pictures and texts into one space tell which text is nearest. */
export function classifyImageZeroShot(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  const sigmoids = String(parts.config['model_type']).startsWith('siglip')
  return inferring(zeroShot, async (inputs) => {
    const labels = candidates(inputs)
    const template = templateOf(inputs, 'This is a photo of {}')
    const { feeds } = await see(parts, inputs)
    const logits: number[] = []
    for (const [index, label] of labels.entries()) {
      const text = tokens.encode(
        `label ${index}`,
        template.replace('{}', () => label),
      )
      const padded = sigmoids ? tokens.padded(text) : text
      const outputs = await parts.model({ ...tokens.feeds(padded), pixel_values: feeds['pixel_values'] })
      logits.push(row(outputOf(outputs, 'logits_per_image'), 0)[0] ?? 0)
    }
    const scores = sigmoids ? logits.map(sigmoid) : softmax(logits)
    const answers = labels.map((label, index) => ({ label, score: scores[index] ?? 0 }))
    return list(ranked(answers, labels.length))
  })
}

/** What is where in a picture. */
export function detectObjects(parts: Parts): Abilities {
  return inferring(detection, async (inputs) => {
    const { picture, feeds } = await see(parts, inputs)
    const { pixel_values, pixel_mask } = feeds
    const outputs = await parts.model({ pixel_values, pixel_mask })
    const { boxes = [], classes = [], scores = [] } = findObjects(processorOf(parts), outputs, { picture, threshold: thresholdOf(inputs) })
    return [
      strings(
        'label',
        classes.map((index) => labelOf(parts.config, index)),
      ),
      floats('score', scores),
      floats('box', boxes.flat(), [boxes.length, 4]),
    ]
  })
}

/** Captions, and the text of scanned lines. */
export function describeImage(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task gives text')
  return inferring(description, async (inputs, signal) => {
    const { feeds } = await see(parts, inputs)
    return [strings('text', [await write(parts, tokens, { inputs: feeds['pixel_values'] }, signal)])]
  })
}

interface Seen {
  readonly picture: LibraryImage
  readonly feeds: Readonly<Record<string, LibraryTensor | undefined>>
}

async function see(parts: Parts, inputs: readonly Tensor[]): Promise<Seen> {
  const picture = await decodePicture(parts.library, bytesOf(inputs, 'image'))
  return { picture, feeds: await processorOf(parts)([picture]) }
}

function processorOf({ processor }: Parts): Processor {
  return defined(processor, 'the task takes pictures')
}

function thresholdOf(inputs: readonly Tensor[]): number {
  const data = inputs.find(({ name }) => name === 'threshold')?.data
  return data ? new DataView(data.buffer, data.byteOffset).getFloat32(0, true) : OBJECT_SCORE_MIN
}

interface Wanted {
  readonly picture: LibraryImage
  readonly threshold: number
}

function findObjects(processor: Processor, outputs: Feeds, { picture, threshold }: Wanted): Partial<FoundObjects> {
  const found = processor.post_process_object_detection?.(outputs, threshold, [[picture.height, picture.width]])
  return found?.[0] ?? {}
}
