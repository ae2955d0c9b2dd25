// Whisper as CTranslate2 keeps it, for the speech engine: `node tools/whisper/convert.ts <folder> <new folder>`.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readCTranslate2 } from './ctranslate2.ts'
import { type Sizes, decoder, encoder, sizesOf } from './whisper.ts'

const [from = '', to = ''] = process.argv.slice(2)
const { kind, variables } = readCTranslate2(await readFile(join(from, 'model.bin')))
if (kind !== 'WhisperSpec') throw new Error(`${from} holds no Whisper, but ${kind}`)
const words = (await readFile(join(from, 'vocabulary.txt'), 'utf8')).trimEnd().split('\n')
const sizes = sizesOf(variables)
await mkdir(to, { recursive: true })
const name = basename(to)
await writeFile(join(to, `${name}-encoder.onnx`), encoder(variables, sizes, metadataOf(words, sizes)))
await writeFile(join(to, `${name}-decoder.onnx`), decoder(variables, sizes))
await writeFile(join(to, `${name}-tokens.txt`), words.map((word, id) => `${bytesOf(word).toString('base64')} ${id}\n`).join(''))

/** What sherpa-onnx wants to know. */
function metadataOf(tokens: readonly string[], sizes: Sizes): Record<string, string> {
  const id = (token: string): string => String(tokens.indexOf(token))
  const sot = id('<|startoftranscript|>')
  if (tokens.includes('<|yue|>') || tokens[50_256] !== '<|endoftext|>') throw new Error('only the English models are known')
  return {
    model_type: 'whisper-tiny.en',
    n_mels: String(sizes.mels),
    n_audio_ctx: '1500',
    n_audio_state: String(sizes.state),
    n_audio_head: String(sizes.heads),
    n_audio_layer: String(sizes.encoderLayers),
    n_text_ctx: String(sizes.context),
    n_text_state: String(sizes.state),
    n_text_head: String(sizes.heads),
    n_text_layer: String(sizes.decoderLayers),
    n_vocab: String(sizes.vocabulary),
    sot,
    sot_index: '0',
    sot_sequence: sot,
    eot: id('<|endoftext|>'),
    blank_id: id('Ġ'),
    is_multilingual: '0',
    no_speech: id('<|nocaptions|>'),
    no_timestamps: id('<|notimestamps|>'),
    transcribe: id('<|transcribe|>'),
    translate: id('<|translate|>'),
    all_language_tokens: id('<|en|>'),
    all_language_codes: 'en',
  }
}

/** Tokens are bytes, written with one letter each: GPT-2 moves those that cannot be seen behind the others. */
function bytesOf(token: string): Buffer {
  return /^<\|.*\|>$/.test(token) ? Buffer.from(token) : Buffer.from(Array.from(token, (letter) => byteOf(letter.codePointAt(0) ?? 0)))
}

function byteOf(point: number): number {
  if (point < 256) return point
  const hidden = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte <= 32 || (byte >= 127 && byte <= 160) || byte === 173)
  return hidden[point - 256] ?? 63
}
