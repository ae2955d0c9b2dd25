import { unreadable } from './errors.ts'
import { OGG_PACKET_BYTES_MAX } from './limits.ts'

/** A packet of an Ogg stream. */
export interface OggPacket {
  readonly data: Uint8Array
  /** The page's granule position, for the last packet that ends on a page; null for others, and where the page says none. */
  readonly granule: bigint | null
  /** The last packet of the stream. */
  readonly last: boolean
}

const HEADER_BYTES = 27
const CONTINUED = 1
const END_OF_STREAM = 4

/**
 * The packets of the first stream of an Ogg file, RFC 3533. Other streams are passed over, and what is chained behind it is not read.
 * @throws {SomaError} `model/unreadable-input` when it is cut short or no Ogg file.
 */
export function* oggPackets(bytes: Uint8Array): Generator<OggPacket, void, void> {
  let serial: number | undefined
  let held: Uint8Array[] = []
  let heldBytes = 0
  for (const page of oggPages(bytes)) {
    serial ??= page.serial
    if (page.serial !== serial) continue
    if (!page.continued && heldBytes > 0) [held, heldBytes] = [[], 0]
    const ends = page.segments.filter(({ complete }) => complete).length
    let ended = 0
    for (const { data, complete } of page.segments) {
      heldBytes += data.byteLength
      if (heldBytes > OGG_PACKET_BYTES_MAX) throw unreadable(`has an Ogg packet of more than ${OGG_PACKET_BYTES_MAX} bytes`)
      held.push(data)
      if (!complete) continue
      const isLast = ++ended === ends
      yield { data: Buffer.concat(held), granule: isLast ? page.granule : null, last: isLast && page.last }
      ;[held, heldBytes] = [[], 0]
    }
    if (page.last) return
  }
}

/**
 * Walks over all pages, for decoders that take damage for silence.
 * @throws {SomaError} `model/unreadable-input` when it is cut short or no Ogg file.
 */
export function checkOgg(bytes: Uint8Array): void {
  for (const page of oggPages(bytes)) if (page.last) return
  throw cutShort()
}

interface OggPage {
  readonly serial: number
  readonly granule: bigint | null
  readonly continued: boolean
  readonly last: boolean
  /** The page's body cut at packets' ends. */
  readonly segments: ReadonlyArray<{ readonly data: Uint8Array; readonly complete: boolean }>
}

function* oggPages(bytes: Uint8Array): Generator<OggPage, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at < bytes.byteLength) {
    if (at + HEADER_BYTES > bytes.byteLength) throw cutShort()
    if (view.getUint32(at) !== 0x4f67_6753 || view.getUint8(at + 4) !== 0) throw unreadable(`is no Ogg file at byte ${at}: it is damaged`)
    const flags = view.getUint8(at + 5)
    const granule = view.getBigInt64(at + 6, true)
    const lacing = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + view.getUint8(at + 26))
    const body = at + HEADER_BYTES + view.getUint8(at + 26)
    const { segments, end } = cut(bytes, lacing, body)
    if (end > bytes.byteLength) throw cutShort()
    const [continued, last] = [(flags & CONTINUED) !== 0, (flags & END_OF_STREAM) !== 0]
    yield { serial: view.getUint32(at + 14, true), granule: granule < 0n ? null : granule, continued, last, segments }
    at = end
  }
}

/** A length below 255 ends a packet. */
function cut(bytes: Uint8Array, lacing: Uint8Array, body: number): { segments: OggPage['segments']; end: number } {
  const segments: Array<OggPage['segments'][number]> = []
  let start = body
  let end = body
  for (const length of lacing) {
    end += length
    if (length === 255) continue
    segments.push({ data: bytes.subarray(start, end), complete: true })
    start = end
  }
  if (end > start) segments.push({ data: bytes.subarray(start, end), complete: false })
  return { segments, end }
}

function cutShort(): Error {
  return unreadable('is an Ogg file cut short')
}
