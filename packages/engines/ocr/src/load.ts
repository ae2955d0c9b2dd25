import { readFile } from 'node:fs/promises'
import { type LoadOptions, type ModelPackage, type PackageFile, packageFile } from '@soma/spec'
import { InferenceSession, Tensor, env } from 'onnxruntime-node'
import { STRIP_HEIGHT } from './crop.ts'
import { loadFailed, messageOf } from './errors.ts'
import { prepareDecoder } from './image.ts'
import { DICTIONARY_BYTES_MAX, DICTIONARY_ENTRIES_MAX } from './limits.ts'
import type { Settings } from './options.ts'

/** What reading needs, in memory. */
export interface Models extends AsyncDisposable {
  readonly detector: InferenceSession
  readonly recognizer: InferenceSession
  /** The character of each class of the recogniser; class 0, the blank, is empty. */
  readonly alphabet: readonly string[]
  readonly settings: Settings
}

/**
 * Loads the models of a package and runs each once, so that files of another kind are found out now.
 * @throws {SomaError} `model/load-failed` naming the file.
 */
export async function loadModels(pkg: ModelPackage, settings: Settings, { threads }: LoadOptions): Promise<Models> {
  env.logLevel = 'error'
  prepareDecoder(threads)
  const dictionary = await readDictionary(packageFile(pkg, 'dictionary'))
  await using opened = new AsyncDisposableStack()
  const open = async (role: string): Promise<InferenceSession> => {
    const session = await openSession(packageFile(pkg, role), threads)
    opened.defer(() => session.release())
    return session
  }
  const detector = await open('detection')
  const recognizer = await open('recognition')
  await checkDetector(detector, packageFile(pkg, 'detection'))
  const classes = await countClasses(recognizer, packageFile(pkg, 'recognition'))
  const alphabet = toAlphabet(dictionary, classes, packageFile(pkg, 'dictionary'))
  const held = opened.move()
  return { detector, recognizer, alphabet, settings, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function openSession(file: PackageFile, threads: number): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(file.localPath, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // Every picture and line has its own shape: memory plans for each would only pile up (440 MB after 20 receipts, not 350).
      enableMemPattern: false,
      // Two threads that spin for each other on busy cores take twice the time.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
  } catch (cause) {
    throw loadFailed(file.path, messageOf(cause), cause)
  }
}

async function readDictionary(file: PackageFile): Promise<string[]> {
  if (file.sizeBytes > DICTIONARY_BYTES_MAX) throw loadFailed(file.path, `${file.sizeBytes} bytes are too many for a dictionary`)
  const text = await readFile(file.localPath, 'utf8').catch((cause: unknown) => {
    throw loadFailed(file.path, messageOf(cause), cause)
  })
  const entries = text.split(/\r?\n/)
  if (entries.at(-1) === '') entries.pop()
  if (entries.length > DICTIONARY_ENTRIES_MAX) throw loadFailed(file.path, `${entries.length} entries are too many for a dictionary`)
  return entries
}

async function checkDetector(detector: InferenceSession, file: PackageFile): Promise<void> {
  const side = 32
  const dims = await tryOut(detector, [1, 3, side, side], file)
  if (dims.length !== 4 || dims[2] !== side || dims[3] !== side)
    throw loadFailed(file.path, 'it is no detection model: its output is no map')
}

async function countClasses(recognizer: InferenceSession, file: PackageFile): Promise<number> {
  const dims = await tryOut(recognizer, [1, 3, STRIP_HEIGHT, STRIP_HEIGHT], file)
  const [, , classes] = dims
  if (dims.length !== 3 || classes === undefined)
    throw loadFailed(file.path, 'it is no recognition model: its output is no [1, steps, classes]')
  return classes
}

async function tryOut(session: InferenceSession, dims: readonly number[], file: PackageFile): Promise<readonly number[]> {
  const size = dims.reduce((product, length) => product * length, 1)
  try {
    const outputs = await session.run({ [session.inputNames[0] ?? '']: new Tensor('float32', new Float32Array(size), dims) })
    return outputs[session.outputNames[0] ?? '']?.dims ?? []
  } catch (cause) {
    throw loadFailed(file.path, `it does not take a float32[${dims.join(', ')}] picture: ${messageOf(cause)}`, cause)
  }
}

/** Most models were trained with one more class than their dictionary says, the space; the blank comes first always. */
function toAlphabet(dictionary: readonly string[], classes: number, file: PackageFile): string[] {
  const alphabet = ['', ...dictionary]
  if (classes === alphabet.length + 1) alphabet.push(' ')
  if (classes === alphabet.length) return alphabet
  throw loadFailed(
    file.path,
    `its ${dictionary.length} characters are not those of the recognition model, which tells ${classes} classes apart`,
  )
}
