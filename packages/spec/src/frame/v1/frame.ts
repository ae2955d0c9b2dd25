import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES_MAX, SomaError, parseJson } from '@soma/core'

/**
 * A frame, the one binary form of every message between processes (SMI, IPC, `application/x-soma-frame`):
 *
 *     u32 little-endian header length | header: JSON, UTF-8 | body: attachments
 *
 * The header is `{ "message": …, "bodyBytes": n, "attachments": [{ "path": ["inputs", 0, "data"], "begin": 0, "end": 64 }] }`.
 * In `message`, `null` stands where an attachment belongs. Attachments begin at multiples of 8, so that a reader which
 * holds the body in one buffer can view any dtype in place. A frame without attachments has just `message`.
 */
export interface FrameHeader {
  readonly message: unknown
  readonly bodyBytes?: number
  readonly attachments?: readonly FrameAttachment[]
}

export interface FrameAttachment {
  readonly path: ReadonlyArray<string | number>
  readonly begin: number
  readonly end: number
}

export const FRAME_CONTENT_TYPE = 'application/x-soma-frame'
export const FRAME_PREFIX_BYTES = 4
const ALIGNMENT_BYTES = 8
/** One call carries tensors, not a file system: more parts than this are an attack or a bug. */
const ATTACHMENTS_MAX = 100_000

interface Found {
  readonly path: ReadonlyArray<string | number>
  readonly bytes: Uint8Array
}

/** A frame before its header is bytes: for writers that have a faster way to make them. */
export interface PackedFrame {
  readonly header: string
  /** Attachments and padding, in order. */
  readonly body: readonly Uint8Array[]
}

/**
 * Splits a message whose leaves are JSON values or `Uint8Array`s; attachments are not copied.
 * @throws {SomaError} `call/too-large` when the body is over its limit.
 */
export function packFrame(message: unknown): PackedFrame {
  if (!holdsBytes(message)) return { header: JSON.stringify({ message } satisfies FrameHeader), body: [] }
  const found: Found[] = []
  const bare = extract(message, [], found)
  const body: Uint8Array[] = []
  const attachments: FrameAttachment[] = []
  let offset = 0
  for (const { path, bytes } of found) {
    attachments.push({ path, begin: offset, end: offset + bytes.byteLength })
    body.push(bytes)
    const padding = (ALIGNMENT_BYTES - (bytes.byteLength % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES
    if (padding > 0) body.push(new Uint8Array(padding))
    offset += bytes.byteLength + padding
  }
  if (offset > FRAME_BODY_BYTES_MAX) throw tooLarge('body', offset, FRAME_BODY_BYTES_MAX)
  return { header: JSON.stringify({ message: bare, bodyBytes: offset, attachments } satisfies FrameHeader), body }
}

/**
 * Encodes a message whose leaves are JSON values or `Uint8Array`s.
 * @returns the frame as parts to be written in order; attachments are not copied.
 * @throws {SomaError} `call/too-large` when the header or body is over its limit.
 */
export function encodeFrame(message: unknown): Uint8Array[] {
  const { header, body } = packFrame(message)
  const json = new TextEncoder().encode(header)
  checkFrameHeaderSize(json.byteLength)
  const head = new Uint8Array(FRAME_PREFIX_BYTES + json.byteLength)
  new DataView(head.buffer).setUint32(0, json.byteLength, true)
  head.set(json, FRAME_PREFIX_BYTES)
  return [head, ...body]
}

/** @throws {SomaError} `call/too-large` when a header has more bytes than a reader takes. */
export function checkFrameHeaderSize(sizeBytes: number): void {
  if (sizeBytes > FRAME_HEADER_BYTES_MAX) throw tooLarge('header', sizeBytes, FRAME_HEADER_BYTES_MAX)
}

/** Most messages carry no attachment: they are sent as they are. */
function holdsBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.some(holdsBytes)
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key]
    // Asked here, because most values are none, and the call would cost ten times as much: 6 ms for a list of 5,000 models.
    if (typeof child === 'object' && holdsBytes(child)) return true
  }
  return false
}

function extract(value: unknown, path: Array<string | number>, found: Found[]): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) {
    found.push({ path, bytes: value })
    return null
  }
  if (Array.isArray(value)) return holdsObjects(value) ? value.map((item, index) => extract(item, [...path, index], found)) : value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, extract(item, [...path, key], found)]))
}

/** Long arrays of numbers are the common case and hold no attachments: they pass by reference. */
function holdsObjects(items: readonly unknown[]): boolean {
  return items.some((item) => typeof item === 'object' && item !== null)
}

/**
 * Reads the first four bytes of a frame.
 * @throws {SomaError} `call/too-large` when the header is over its limit.
 */
export function decodeFramePrefix(prefix: Uint8Array): number {
  const length = ((prefix[0] ?? 0) | ((prefix[1] ?? 0) << 8) | ((prefix[2] ?? 0) << 16) | ((prefix[3] ?? 0) << 24)) >>> 0
  checkFrameHeaderSize(length)
  return length
}

/**
 * Parses a frame's header; `bodyBytes` bytes follow it.
 * @throws {SomaError} `call/malformed` when it is not a frame header, `call/too-large` when the body is over its limit.
 */
export function decodeFrameHeader(json: Uint8Array): FrameHeader & { readonly bodyBytes: number } {
  const header = parseJson(json, 'the frame header') as FrameHeader
  if (typeof header !== 'object' || header === null || !('message' in header)) throw malformed('it has no message')
  const bodyBytes = header.bodyBytes ?? 0
  if (!Number.isSafeInteger(bodyBytes) || bodyBytes < 0) throw malformed('bodyBytes is not a byte count')
  if (bodyBytes > FRAME_BODY_BYTES_MAX) throw tooLarge('body', bodyBytes, FRAME_BODY_BYTES_MAX)
  const attachments = header.attachments ?? []
  if (!Array.isArray(attachments) || attachments.length > ATTACHMENTS_MAX) throw malformed('attachments is not a list within its limit')
  if (!attachments.every(isAttachment)) throw malformed('an attachment has no path of names and positions')
  return { message: header.message, bodyBytes, attachments }
}

/**
 * Puts the attachments back into the message, as views into `body`.
 * @throws {SomaError} `call/malformed` when a range or a path does not fit.
 */
export function attachBody(header: FrameHeader, body: Uint8Array): unknown {
  let message = header.message
  for (const attachment of header.attachments ?? []) {
    const bytes = attachmentBytes(attachment, body)
    if (attachment.path.length === 0) message = bytes
    else place(message, attachment.path, bytes)
  }
  return message
}

function attachmentBytes({ begin, end }: FrameAttachment, body: Uint8Array): Uint8Array {
  const inside = Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && begin <= end && end <= body.byteLength
  if (!inside) throw malformed('an attachment lies outside the body')
  return body.subarray(begin, end)
}

/** Keys that are objects must not get near a property access: they would be asked for their `toString`. */
function isAttachment(value: unknown): value is FrameAttachment {
  if (typeof value !== 'object' || value === null) return false
  const { path } = value as { readonly path?: unknown }
  return Array.isArray(path) && path.every((key) => typeof key === 'string' || typeof key === 'number')
}

function place(root: unknown, path: ReadonlyArray<string | number>, bytes: Uint8Array): void {
  let holder = root
  for (const key of path.slice(0, -1)) holder = ownValue(holder, key)
  const last = path.at(-1) ?? ''
  if (ownValue(holder, last) !== null) throw malformed('an attachment’s place is not null')
  ;(holder as Record<string | number, unknown>)[last] = bytes
}

/** Own properties only: a path through `__proto__` or `constructor` finds nothing. */
function ownValue(holder: unknown, key: string | number): unknown {
  if (typeof holder !== 'object' || holder === null || holder instanceof Uint8Array || !Object.hasOwn(holder, key))
    throw malformed('an attachment’s path leads nowhere')
  return (holder as Record<string | number, unknown>)[key]
}

/** Decodes one whole frame, as HTTP bodies hold it. */
export function decodeFrame(bytes: Uint8Array): unknown {
  if (bytes.byteLength < FRAME_PREFIX_BYTES) throw malformed('it is shorter than its prefix')
  const headerEnd = FRAME_PREFIX_BYTES + decodeFramePrefix(bytes)
  if (bytes.byteLength < headerEnd) throw malformed('its header is cut off')
  const header = decodeFrameHeader(bytes.subarray(FRAME_PREFIX_BYTES, headerEnd))
  if (bytes.byteLength !== headerEnd + header.bodyBytes)
    throw malformed(`${bytes.byteLength - headerEnd} bytes follow its header, it says ${header.bodyBytes}`)
  // A copy, so that attachments start at a multiple of 8 in their buffer.
  return attachBody(header, header.bodyBytes > 0 ? new Uint8Array(bytes.subarray(headerEnd)) : new Uint8Array(0))
}

function malformed(why: string): SomaError {
  return new SomaError('call/malformed', `not a frame: ${why}`)
}

function tooLarge(part: string, sizeBytes: number, sizeBytesMax: number): SomaError {
  return new SomaError('call/too-large', `a frame's ${part} of ${sizeBytes} bytes is over the limit of ${sizeBytesMax}`, {
    details: { part, sizeBytes, sizeBytesMax },
  })
}
