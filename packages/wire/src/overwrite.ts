/** Zeroes all bytes that a message carries, wherever they are in it. Texts are JavaScript's, and stay. */
export function overwriteBytes(message: unknown): void {
  if (typeof message !== 'object' || message === null) return
  // An array whose memory was given away has no bytes left.
  if (message instanceof Uint8Array) return void (message.byteLength > 0 && message.fill(0))
  for (const child of Object.values(message)) if (typeof child === 'object') overwriteBytes(child)
}
