import { throwIfAborted } from '@soma/core'
import type { EngineContext, LoadOptions, LoadedModel, ModelPackage } from '@soma/spec'
import { DetectorModel } from './detector-model.ts'
import { ModelFiles } from './model-files.ts'
import { type Settings, readSettings } from './options.ts'
import { preparePiper } from './piper.ts'
import { recognizerKind } from './recognizer-kinds.ts'
import { RecognizerModel } from './recognizer-model.ts'
import { loadRecognizer } from './recognizer.ts'
import type { RunDeps } from './run.ts'
import type { Sherpa } from './sherpa.ts'
import { type Detector, loadDetector } from './vad.ts'
import { type VoiceKind, voiceFailure, voiceKind } from './voice-kinds.ts'
import { VoiceModel } from './voice-model.ts'
import { type Voice, loadVoice } from './voice.ts'

export interface LoadDeps extends RunDeps {
  readonly sherpa: Sherpa
  /** A folder for files that are needed while loading. */
  readonly temporary: string
}

interface Loading {
  readonly files: ModelFiles
  readonly settings: Settings
  readonly threads: number
}

/** @throws {SomaError} `model/load-failed`, `model/unsupported`, `engine/missing`, `config/invalid`. */
export async function load(deps: LoadDeps, pkg: ModelPackage, options: LoadOptions, ctx: EngineContext): Promise<LoadedModel> {
  const loading: Loading = { files: new ModelFiles(pkg), settings: readSettings(options.settings), threads: options.threads }
  const model = await loadKind(deps, loading)
  throwIfAborted(ctx.signal)
  return model
}

async function loadKind(deps: LoadDeps, loading: Loading): Promise<LoadedModel> {
  const { files, settings } = loading
  if (files.has('vad')) return new DetectorModel(deps, await loadDetector(deps.sherpa, files.file('vad'), settings))
  if (files.has('config')) return new VoiceModel(deps, await loadPiper(deps, loading))
  if (['voices', 'acoustic', 'lexicon', 'espeak'].some((role) => files.has(role))) {
    const kind = await voiceKind(files, settings)
    return new VoiceModel(deps, await openVoice(deps, kind, loading))
  }
  return loadRecognizerModel(deps, loading)
}

async function loadPiper(deps: LoadDeps, loading: Loading): Promise<Voice> {
  await using prepared = await preparePiper(loading.files, loading.settings, deps.temporary)
  return await openVoice(deps, prepared.kind, loading)
}

function openVoice({ sherpa }: LoadDeps, kind: VoiceKind, { files, threads }: Loading): Promise<Voice> {
  return loadVoice(sherpa, kind, threads).catch(voiceFailure(files))
}

async function loadRecognizerModel(deps: LoadDeps, { files, settings, threads }: Loading): Promise<LoadedModel> {
  const kind = await recognizerKind(files)
  const name = files.file(files.has('model') ? 'model' : 'encoder').path
  const recognizer = await loadRecognizer(deps.sherpa, kind, { settings, threads, name })
  return new RecognizerModel(deps, {
    recognizer,
    detector: await detectorBeside(deps, files, settings),
    windowSeconds: settings.windowSeconds,
  })
}

/** Recognisers are published with a detector of voice beside them, or get one put there. */
async function detectorBeside(deps: LoadDeps, files: ModelFiles, settings: Settings): Promise<Detector | undefined> {
  const file = files.find(/(^|\/)silero_vad[^/]*\.onnx$/)
  return file && loadDetector(deps.sherpa, file, settings)
}
