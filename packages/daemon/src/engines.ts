import { join } from 'node:path'
import type { EngineDescriptor } from '@soma/spec'
import { descriptor as echo } from '@soma/engine-echo'
import { descriptor as llama } from '@soma/engine-llama'
import { descriptor as ocr } from '@soma/engine-ocr'
import { descriptor as onnx } from '@soma/engine-onnx'
import { descriptor as python } from '@soma/engine-python'
import { descriptor as remote } from '@soma/engine-remote'
import { descriptor as speech } from '@soma/engine-speech'
import { descriptor as tensorflow } from '@soma/engine-tensorflow'
import { descriptor as transformers } from '@soma/engine-transformers'

/** An engine, and how its process is started. */
export interface InstalledEngine {
  readonly descriptor: EngineDescriptor
  readonly command: readonly [string, ...string[]]
  /** What its process gets beside what all children get. */
  readonly env?: Readonly<Record<string, string>>
}

/** The engines that come with Soma, most particular first: the order in which they are asked whether they know a package. */
export function builtInEngines(): readonly InstalledEngine[] {
  return [echo, ocr, speech, llama, transformers, onnx, tensorflow, python, remote].map((descriptor) => ({
    descriptor,
    command: [process.execPath, enginePath(descriptor.id)],
  }))
}

/** From the sources an engine runs as TypeScript, beside a built daemon as one bundle. */
function enginePath(id: string): string {
  const here = import.meta.dirname
  return import.meta.filename.endsWith('.ts') ? join(here, '..', '..', 'engines', id, 'src', 'main.ts') : join(here, 'engines', `${id}.mjs`)
}
