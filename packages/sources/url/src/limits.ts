/** File names that Linux stores. */
export const FILE_NAME_BYTES_MAX = 255
/** Addresses with credentials remembered between resolve and download: more installs than run at once. */
export const PRIVATE_URLS_MAX = 256
/** An address: what the large browsers and servers take. */
export const URL_LENGTH_MAX = 8192
