/** The number of this protocol: the peer protocol of `@soma/wire`, methods being the calls of the table, and `hello`. */
export const IPC_PROTOCOL = 1

/** What a client may ask before anything else, to see whether the two fit together. Not a system call: it touches nothing. */
export const HELLO = 'hello'

/** What the daemon says of itself. */
export interface Hello {
  readonly protocol: number
  /** Version of the daemon. */
  readonly version: string
  /** Digest of its call table. */
  readonly calls: string
}
