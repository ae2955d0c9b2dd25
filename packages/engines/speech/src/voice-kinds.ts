import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SomaError } from '@soma/core'
import type { OnnxHeader } from '@soma/formats'
import { asLoadFailed, loadFailed, unsupported } from './errors.ts'
import { type ModelFiles, checkMetadata } from './model-files.ts'
import type { Settings } from './options.ts'

/** How a voice is opened. */
export interface VoiceKind {
  /** The library's own name for it, with the files it needs. */
  readonly model: Readonly<Record<string, unknown>>
  /** Of its speakers, by number; fewer than there are when the files do not tell. */
  readonly names: readonly string[]
}

/** Where packages of the system put it. */
const systemFolders = [
  '/usr/share/espeak-ng-data',
  '/usr/lib/x86_64-linux-gnu/espeak-ng-data',
  '/usr/lib/aarch64-linux-gnu/espeak-ng-data',
  '/usr/lib/espeak-ng-data',
  '/usr/local/share/espeak-ng-data',
  '/opt/homebrew/share/espeak-ng-data',
]
/** Without any of these the library ends the process. */
const espeakFiles = ['phontab', 'phonindex', 'phondata', 'intonations'] as const

/** @throws {SomaError} `model/load-failed` for damaged files, `model/unsupported`, `engine/missing` when there is no espeak-ng data. */
export async function voiceKind(files: ModelFiles, settings: Settings): Promise<VoiceKind> {
  if (files.has('acoustic')) return matcha(files, settings)
  return files.has('voices') ? kokoro(files, settings) : vits(files, settings)
}

async function matcha(files: ModelFiles, settings: Settings): Promise<VoiceKind> {
  const header = await files.onnx('acoustic')
  checkMetadata(files.file('acoustic'), header, ['sample_rate', 'n_speakers'])
  await files.onnx('vocoder')
  const sounds = await soundsOf(files, settings)
  const matcha = { acousticModel: files.pathOf('acoustic'), vocoder: files.pathOf('vocoder'), tokens: await files.tokens(), ...sounds }
  return { model: { matcha }, names: [] }
}

/** Kokoro and Kitten have the same files. */
async function kokoro(files: ModelFiles, settings: Settings): Promise<VoiceKind> {
  const header = await files.onnx('model')
  const file = files.file('model')
  const type = header.metadata.get('model_type') ?? ''
  const name = type.startsWith('kitten') ? 'kitten' : type.startsWith('kokoro') ? 'kokoro' : undefined
  if (name === undefined) throw unsupported(file.path, `voices of the kind "${type.slice(0, 80)}" are not known here`)
  checkMetadata(file, header, ['sample_rate', 'n_speakers', 'has_espeak'], ['style_dim'])
  checkStyles(files, header)
  const config = { model: files.pathOf('model'), voices: files.pathOf('voices'), tokens: await files.tokens() }
  const names = (header.metadata.get('speaker_names') ?? '').split(',').filter((speaker) => speaker !== '')
  return { model: { [name]: { ...config, ...(await soundsOf(files, settings)) } }, names }
}

function checkStyles(files: ModelFiles, { metadata }: OnnxHeader): void {
  const voices = files.file('voices')
  const sizes = [...(metadata.get('style_dim') ?? '').split(','), metadata.get('n_speakers') ?? ''].map(Number)
  const expected = sizes.reduce((product, size) => product * size, 4)
  if (voices.sizeBytes !== expected)
    throw loadFailed(voices.path, `it holds ${voices.sizeBytes} bytes, not the ${expected} that the model says`)
}

async function vits(files: ModelFiles, settings: Settings): Promise<VoiceKind> {
  const header = await files.onnx('model')
  checkVits(files, header)
  return {
    model: { vits: { model: files.pathOf('model'), tokens: await files.tokens(), ...(await soundsOf(files, settings)) } },
    names: [],
  }
}

function checkVits(files: ModelFiles, header: OnnxHeader): void {
  checkMetadata(files.file('model'), header, ['sample_rate', 'n_speakers'], ['language', 'comment'])
}

/** What turns words into sounds: the package's own dictionary, else espeak-ng. */
async function soundsOf(files: ModelFiles, settings: Settings): Promise<{ readonly lexicon: string } | { readonly dataDir: string }> {
  if (files.has('lexicon')) return { lexicon: await files.lexicon() }
  return { dataDir: await espeakFolder(files.has('espeak') ? files.folderOf('espeak') : undefined, settings) }
}

/** The folder of espeak-ng's data: the package's, the one that was set, or the system's. */
export async function espeakFolder(own: string | undefined, { espeakData }: Settings): Promise<string> {
  const chosen = own ?? espeakData
  if (chosen !== undefined && chosen !== null) {
    if (await isEspeakFolder(chosen)) return chosen
    throw loadFailed(chosen, `it lacks one of ${espeakFiles.join(', ')}, or is of another version of espeak-ng`)
  }
  for (const folder of systemFolders) if (await isEspeakFolder(folder)) return folder
  throw new SomaError(
    'engine/missing',
    'this voice needs the data of espeak-ng, which is not installed: `apt install espeak-ng-data`, or set the option "espeakData" to its folder',
    { details: { looked: systemFolders } },
  )
}

/** Version 1.48.1 of its data, which espeak-ng 1.49 to 1.52 have, stands at the beginning of phondata. */
const ESPEAK_DATA_VERSION = 0x01_48_01

async function isEspeakFolder(folder: string): Promise<boolean> {
  try {
    for (const name of espeakFiles) if ((await stat(join(folder, name))).size < 8) return false
    return (await readFile(join(folder, 'phondata'))).readUInt32LE() === ESPEAK_DATA_VERSION
  } catch {
    return false
  }
}

/** @throws {SomaError} `model/load-failed` from what opening threw. */
export function voiceFailure(files: ModelFiles): (thrown: unknown) => never {
  return (thrown) => {
    throw asLoadFailed(files.file(files.has('acoustic') ? 'acoustic' : 'model').path, thrown)
  }
}
