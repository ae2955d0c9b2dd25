import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { SomaError } from '@soma/core'
import type { CallInput, Signature, TensorSpec } from '@soma/spec'
import { isNpy, parseNpy } from './npy.ts'
import { readInput, readJson, splitAssignment } from './read.ts'

/** A tensor as callers write it. */
export type TensorInput = CallInput<'model.infer'>['inputs'][number]

/** The name under which a picture or sound goes to a model that says nothing of its inputs. */
const RAW_INPUT = 'image'

interface Target {
  /** Input name; found from the signature when absent. */
  readonly name?: string
  readonly signature: Signature | null
  /** Inputs that are given otherwise. */
  readonly taken?: readonly string[]
}

/**
 * A word of the command line as a tensor: a file, or a text for a model that takes texts.
 * A file for such a model is the text that it holds.
 */
export async function wordTensor(word: string, stdin: Readable, target: Target): Promise<TensorInput> {
  const name = textInput(target)
  if (name === undefined || word === '-' || (await isFile(word))) return await fileTensor(word, stdin, target)
  return textTensor(name, word, target.signature)
}

/**
 * A file as a tensor: a NumPy array as what it says it is, a text where the input is one, anything else as its bytes.
 * @throws {SomaError} `model/input-mismatch` for what is no text where one is wanted.
 */
export async function fileTensor(path: string, stdin: Readable, target: Target): Promise<TensorInput> {
  const bytes = await readInput(path, stdin)
  const { signature } = target
  const takesBytes = signature?.inputs.some(({ dtype }) => dtype === 'uint8') ?? true
  const name = target.name ?? (takesBytes ? undefined : textInput(target)) ?? bytesInput(signature, isNpy(bytes))
  if (isNpy(bytes)) {
    const array = parseNpy(name, bytes)
    return { ...array, shape: [...array.shape] }
  }
  const isText = signature?.inputs.find((input) => input.name === name)?.dtype === 'string'
  if (isText) return textTensor(name, decodeText(path, bytes), signature)
  return { name, dtype: 'uint8', shape: [bytes.byteLength], data: bytes }
}

/** The input that words are for: `text`, `question`, or the only one that must be there. Undefined for models that take files. */
function textInput({ signature, taken = [] }: Target): string | undefined {
  const open = (signature?.inputs ?? []).filter((input) => !taken.includes(input.name))
  const texts = open.filter((input) => input.dtype === 'string')
  const required = open.filter((input) => input.optional !== true)
  const named = ['text', 'question'].map((name) => texts.find((input) => input.name === name)).find((input) => input !== undefined)
  return (named ?? (required.length === 1 ? texts.find((input) => input === required[0]) : undefined))?.name
}

/** One text, in as many dimensions as the model wants them. */
function textTensor(name: string, text: string, signature: Signature | null): TensorInput {
  const shape = signature?.inputs.find((input) => input.name === name)?.shape ?? [-1]
  return { name, dtype: 'string', shape: shape.map(() => 1), values: [text] }
}

function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim()
  } catch (cause) {
    throw new SomaError('model/input-mismatch', `${path} is no text, and the model takes one`, { cause, details: { path } })
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** The input that takes a file's bytes: the only one that must be there, or the only one of bytes, or `image`. */
function bytesInput(signature: Signature | null, anyDtype: boolean): string {
  const inputs = signature?.inputs ?? []
  const required = inputs.filter((input) => input.optional !== true)
  // Where none is required, there are several ways to say the same: as a file, or as numbers.
  const fitting = (required.length > 0 ? required : inputs).filter((input) => anyDtype || input.dtype === 'uint8')
  const [only] = fitting
  if (only && fitting.length === 1) return only.name
  if (!signature || fitting.some((input) => input.name === RAW_INPUT)) return RAW_INPUT
  const names = signature.inputs.map((input) => input.name).join(', ')
  throw new SomaError('model/input-mismatch', `say which input the file is for with --input name=@file; the model takes ${names}`, {
    details: { inputs: signature.inputs },
  })
}

/**
 * `name=@file`, or `name=` and JSON: a number, a text, or nested lists whose shape becomes the tensor's.
 * The dtype is the signature's, or follows from the values.
 */
export async function writtenTensor(text: string, stdin: Readable, signature: Signature | null): Promise<TensorInput> {
  const { name, value } = splitAssignment(text)
  if (value.startsWith('@')) return await fileTensor(value.slice(1), stdin, { name, signature })
  const spec = signature?.inputs.find((input) => input.name === name)
  return fromJson(name, await readJson(value, stdin), spec)
}

type Value = number | string | boolean

function fromJson(name: string, json: unknown, spec: TensorSpec | undefined): TensorInput {
  const shape: number[] = []
  for (let level = json; Array.isArray(level); level = level[0]) shape.push(level.length)
  const values = flatten(json, shape)
  if (!values)
    throw new SomaError(
      'model/input-mismatch',
      `the lists for "${name}" are not all of the same length, or hold something else than numbers and texts`,
    )
  return { name, dtype: spec?.dtype ?? dtypeOf(values), shape, values }
}

/** The values of nested lists in order; undefined when their lengths differ from `shape`. */
function flatten(json: unknown, shape: readonly number[]): Value[] | undefined {
  const [size, ...inner] = shape
  if (size === undefined) return isValue(json) ? [json] : undefined
  if (!Array.isArray(json) || json.length !== size) return undefined
  const parts = json.map((item) => flatten(item, inner))
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined
}

function isValue(json: unknown): json is Value {
  return typeof json === 'number' || typeof json === 'string' || typeof json === 'boolean'
}

function dtypeOf(values: readonly Value[]): TensorInput['dtype'] {
  if (values.every((value) => typeof value === 'boolean')) return 'bool'
  return values.every((value) => typeof value === 'string') && values.length > 0 ? 'string' : 'float32'
}
