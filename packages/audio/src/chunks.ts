/** A file in pieces of at most `sizeBytes`, without copying. */
export function* chunksOf(bytes: Uint8Array, sizeBytes: number): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes)
}
