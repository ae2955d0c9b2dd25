import { SomaError } from '@soma/core'
import { quote } from '../invalid-model.ts'
import type { PickleFinding } from './machine.ts'

/** The refusal of a pickle, naming the file, the place and what would be called, and saying what to do. */
export function unsafePickle(path: string, finding: PickleFinding): SomaError {
  const { global, opcode, offset } = finding
  const advice = 'Take the model in safetensors form; or allow unsafe files, if you trust whoever made this one.'
  return new SomaError('package/unsafe-pickle', `${describeFinding(path, finding)} ${advice}`, {
    details: { path, offset, opcode, global: global === null ? null : quote(global) },
  })
}

/** One sentence. */
export function describeFinding(path: string, { opcode, offset, reason }: PickleFinding): string {
  return `${path} is a pickle that ${shorten(reason)} (${opcode} at byte ${offset}): loading it could run any program.`
}

/** Names in a pickle may be long, and hold anything. */
function shorten(reason: string): string {
  return quote(reason).slice(1, -1)
}
