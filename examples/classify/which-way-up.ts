// Which way up pages lie: `node examples/classify/which-way-up.ts <model> <picture> [degrees]…`, with the picture turned by these first.
import { connect, tensor, values } from '@soma/sdk'
import sharp from 'sharp'

const CLASSES = ['0', '90', '180', '270']
const SHORT_SIDE = 256
const SIDE = 224
/** Of red, green and blue in ImageNet, to which the model's authors scaled what it was trained on. */
const MEAN = [0.485, 0.456, 0.406]
const DEVIATION = [0.229, 0.224, 0.225]

const [model = '', picture = '', ...turns] = process.argv.slice(2)

await using soma = await connect()
for (const degrees of turns.length > 0 ? turns : ['0']) {
  const pixels = await readPixels(picture, Number(degrees))
  const image = tensor('x', planes(pixels), { shape: [1, 3, SIDE, SIDE] })
  const { outputs } = await soma.model.infer({ model, inputs: [image] })
  const likely = outputs[0] ? values(outputs[0]).map(Number) : []
  const best = likely.indexOf(Math.max(...likely))
  console.log(`turned by ${degrees}°: looks like ${CLASSES[best]}° (${((likely[best] ?? 0) * 100).toFixed(0)} %)`)
}

/** The middle of the picture, as bytes of red, green, blue. */
async function readPixels(path: string, degrees: number): Promise<Uint8Array> {
  const turned = await sharp(path).removeAlpha().toColourspace('srgb').rotate(degrees).toBuffer()
  const small = await sharp(turned).resize(SHORT_SIDE, SHORT_SIDE, { fit: 'outside' }).toBuffer()
  return await sharp(small).resize(SIDE, SIDE, { fit: 'cover' }).raw().toBuffer()
}

/** One plane a colour, each value how far it is from the mean. */
function planes(pixels: Uint8Array): Float32Array {
  const size = SIDE * SIDE
  return Float32Array.from({ length: 3 * size }, (_, index) => {
    const [colour, at] = [Math.floor(index / size), index % size]
    return ((pixels[at * 3 + colour] ?? 0) / 255 - (MEAN[colour] ?? 0)) / (DEVIATION[colour] ?? 1)
  })
}
