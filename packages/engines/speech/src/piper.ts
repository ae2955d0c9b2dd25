import { constants } from 'node:fs'
import { appendFile, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '@soma/core'
import { z } from 'zod'
import { asLoadFailed, loadFailed } from './errors.ts'
import { SPEAKERS_MAX, TEXT_FILE_BYTES_MAX } from './limits.ts'
import type { ModelFiles } from './model-files.ts'
import type { Settings } from './options.ts'
import { type VoiceKind, espeakFolder } from './voice-kinds.ts'

/** What of a Piper voice's settings matters here; the files hold more. */
const PiperSchema = z.object({
  audio: z.object({ sample_rate: z.number().int().min(4000).max(384_000) }),
  espeak: z.object({ voice: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) }),
  phoneme_type: z.enum(['espeak']).default('espeak'),
  phoneme_id_map: z.record(z.string().max(16), z.array(z.number().int().nonnegative()).min(1).max(8)),
  num_speakers: z.number().int().min(1).max(SPEAKERS_MAX).default(1),
  speaker_id_map: z.record(z.string().max(256), z.number().int().nonnegative().max(SPEAKERS_MAX)).default({}),
  inference: z
    .object({ noise_scale: z.number().default(0.667), length_scale: z.number().default(1), noise_w: z.number().default(0.8) })
    .default({ noise_scale: 0.667, length_scale: 1, noise_w: 0.8 }),
})
type Piper = z.output<typeof PiperSchema>

export interface PreparedVoice extends AsyncDisposable {
  readonly kind: VoiceKind
}

/**
 * Makes a Piper voice one of sherpa-onnx: the same weights, with what `.onnx.json` says written behind them as metadata,
 * and a list of tokens, in a folder of its own that may go once the voice is loaded.
 * @throws {SomaError} `model/load-failed`, `engine/missing` when there is no espeak-ng data.
 */
export async function preparePiper(files: ModelFiles, settings: Settings, temporary: string): Promise<PreparedVoice> {
  await files.onnx('model')
  const piper = await readPiper(files)
  const dataDir = await espeakFolder(files.has('espeak') ? files.folderOf('espeak') : undefined, settings)
  const folder = await mkdtemp(join(temporary, 'soma-voice-'))
  const [model, tokens] = [join(folder, 'model.onnx'), join(folder, 'tokens.txt')]
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    await copyFile(files.pathOf('model'), model, constants.COPYFILE_FICLONE)
    await appendFile(model, metadataOf(piper))
    await writeFile(tokens, tokensOf(piper))
  } catch (error) {
    await dispose()
    throw asLoadFailed(files.file('model').path, error)
  }
  const { noise_scale: noiseScale, length_scale: lengthScale, noise_w: noiseScaleW } = piper.inference
  const vits = { model, tokens, dataDir, noiseScale, lengthScale, noiseScaleW }
  return { kind: { model: { vits }, names: namesOf(piper) }, [Symbol.asyncDispose]: dispose }
}

async function readPiper(files: ModelFiles): Promise<Piper> {
  const file = files.file('config')
  if (file.sizeBytes > TEXT_FILE_BYTES_MAX) throw loadFailed(file.path, `${file.sizeBytes} bytes are too many for settings`)
  try {
    return PiperSchema.parse(parseJson(await readFile(file.localPath), file.path))
  } catch (error) {
    throw loadFailed(file.path, error instanceof z.ZodError ? `it is no Piper voice: ${z.prettifyError(error)}` : String(error), error)
  }
}

function namesOf({ speaker_id_map: ids }: Piper): string[] {
  const names: string[] = []
  for (const [name, id] of Object.entries(ids)) names[id] = name
  return Array.from(names, (name) => name ?? '')
}

function tokensOf({ phoneme_id_map: ids }: Piper): string {
  return Object.entries(ids)
    .map(([symbol, [id]]) => `${symbol} ${id}\n`)
    .join('')
}

/** Entries of an ONNX file's `metadata_props`: fields of a message may stand anywhere, so they are put behind the rest. */
function metadataOf({ espeak, num_speakers: speakers, audio }: Piper): Buffer {
  const entries = {
    model_type: 'vits',
    comment: 'piper',
    language: espeak.voice,
    voice: espeak.voice,
    has_espeak: '1',
    n_speakers: String(speakers),
    sample_rate: String(audio.sample_rate),
  }
  return Buffer.concat(
    Object.entries(entries).map(([key, value]) => field(14, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]))),
  )
}

/** A field of bytes, of fewer than 128, as the texts above are. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.byteLength]), bytes])
}
