/** Keys kept on one machine: everybody whose packages are installed, many times over. */
export const KEYS_MAX = 1000
/** One bundle: a statement over the 1,500 files that a manifest can describe takes 300 KiB, one over 10,000 files 2 MiB, and a third more as base64. */
export const BUNDLE_BYTES_MAX = 4 * 1024 * 1024
/** Files that one signature names. */
export const SIGNED_FILES_MAX = 10_000
/** A private key file: two keys in PEM are 400 bytes. */
export const KEY_FILE_BYTES_MAX = 16 * 1024
/** Shortest RSA modulus that is taken, in bits: NIST SP 800-131A refuses shorter ones. */
export const RSA_BITS_MIN = 2048
