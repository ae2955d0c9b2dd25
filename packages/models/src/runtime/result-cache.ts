import { createHash } from 'node:crypto'
import { canonicalJson } from '@soma/core'
import type { GenerateRequest, InferRequest } from '@soma/spec'

/** What an answer takes beside its contents: key, list entry, object. */
const ENTRY_BYTES = 512

interface Entry {
  readonly answer: unknown
  readonly sizeBytes: number
}

/** Answers to requests that were made before, of bounded size; the one asked for longest ago is forgotten first. */
export class ResultCache {
  readonly #bytesMax: number
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A copy: whoever gets it may do with it as they like. */
  get(key: string): unknown {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return structuredClone(entry.answer)
  }

  put(key: string, answer: unknown): void {
    const sizeBytes = ENTRY_BYTES + sizeOf(answer)
    if (sizeBytes > this.#bytesMax) return
    this.#drop(key)
    this.#entries.set(key, { answer: structuredClone(answer), sizeBytes })
    this.#bytes += sizeBytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.sizeBytes ?? 0
    this.#entries.delete(key)
  }
}

/** What tells a request from all others: who asks, which model in which form, and every byte of what is asked. */
export interface RequestIdentity {
  readonly principal: string
  /** Changes with the package, its engine, device and settings. */
  readonly model: string
  readonly method: string
  readonly request: unknown
}

export function requestKey({ principal, model, method, request }: RequestIdentity): string {
  const hash = createHash('sha256')
  for (const part of [principal, model, method]) hash.update(`${part.length}:${part}`)
  addTo(hash, request)
  return hash.digest('base64')
}

/** Whether the same request has the same answer: not where the engine reads a file of this machine, which may change. */
export function isDeterministicInfer({ inputs }: InferRequest): boolean {
  return inputs.every(({ name, dtype }) => name !== 'path' || dtype !== 'string')
}

/** Text is drawn by chance unless the likeliest token is taken each time, or the seed is given. */
export function isDeterministicGenerate({ temperature, seed, session }: GenerateRequest): boolean {
  return (temperature === 0 || seed !== undefined) && session === undefined
}

function addTo(hash: ReturnType<typeof createHash>, value: unknown): void {
  const bytes: Uint8Array[] = []
  const json = canonicalJson(withoutBytes(value, bytes))
  hash.update(`${json.length}:${json}`)
  for (const part of bytes) hash.update(`${part.byteLength}:`).update(part)
}

/** Bytes are hashed as they are, in the order in which they come. */
function withoutBytes(value: unknown, bytes: Uint8Array[]): unknown {
  if (value instanceof Uint8Array) return `bytes ${bytes.push(value)}`
  if (Array.isArray(value)) return value.map((one) => withoutBytes(one, bytes))
  if (typeof value !== 'object' || value === null) return value
  const sorted = Object.entries(value).filter(([, one]) => one !== undefined)
  sorted.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([name, one]) => [name, withoutBytes(one, bytes)]))
}

function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength
  if (typeof value === 'string') return value.length * 2
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== 'object' || value === null) return 8
  return Object.values(value).reduce((sum: number, one) => sum + sizeOf(one), 16)
}
