import { readFile, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { FRAME_BODY_BYTES_MAX, SomaError, parseJson } from '@soma/core'
import { JSON_INPUT_BYTES_MAX } from '../limits.ts'

/** Reads a file, or standard input when `path` is `-`. @throws {SomaError} `call/invalid-input`, `call/too-large`. */
export async function readInput(path: string, stdin: Readable, bytesMax: number = FRAME_BODY_BYTES_MAX): Promise<Uint8Array> {
  return path === '-' ? await readStream(stdin, bytesMax) : await readBounded(path, bytesMax)
}

async function readBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > bytesMax) throw tooLarge(path, bytesMax)
    return await readFile(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw cause
    const what = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    throw new SomaError('call/invalid-input', `cannot read ${path}: ${what}`, { cause, details: { path } })
  }
}

async function readStream(stdin: Readable, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
    size += bytes.byteLength
    if (size > bytesMax) throw tooLarge('standard input', bytesMax)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

function tooLarge(what: string, bytesMax: number): SomaError {
  return new SomaError('call/too-large', `${what} is larger than ${bytesMax} bytes`, { details: { bytesMax } })
}

/** JSON from the command line: the text itself, `@file`, or `-` for standard input. @throws {SomaError} `call/malformed`. */
export async function readJson(text: string, stdin: Readable): Promise<unknown> {
  if (text === '-') return parseJson(await readInput('-', stdin, JSON_INPUT_BYTES_MAX), 'standard input')
  if (text.startsWith('@')) return parseJson(await readInput(text.slice(1), stdin, JSON_INPUT_BYTES_MAX), text.slice(1))
  return parseJson(text, 'the JSON on the command line')
}

/** `name=value`. @throws {SomaError} `call/invalid-input`. */
export function splitAssignment(text: string): { readonly name: string; readonly value: string } {
  const equals = text.indexOf('=')
  if (equals > 0) return { name: text.slice(0, equals), value: text.slice(equals + 1) }
  throw new SomaError('call/invalid-input', `"${text}" names no value; expected name=value`)
}
