/** From which values on `soma doctor` speaks up. */

/** node:sqlite with sessions, type stripping without a flag, ML-DSA. */
export const NODE_MAJOR_MIN = 24
/** Below this the database can no longer be relied on to grow. */
export const DISK_FREE_BYTES_MIN = 100e6
/** A small language model takes this much. */
export const DISK_FREE_BYTES_LOW = 2e9
/** An engine process with a small model takes about 300 MB. */
export const MEMORY_BYTES_LOW = 512e6
/** The default number of HTTP connections, twice, for sockets and files. */
export const OPEN_FILES_LOW = 4096
/** Docker's default of 64 MB is too little for engines that share tensors. */
export const SHM_BYTES_LOW = 128e6
/** A machine without a battery-backed clock starts at 1970, or at its firmware's date. */
export const CLOCK_EARLIEST = Date.UTC(2026, 0, 1)
export const CLOCK_LATEST = Date.UTC(2100, 0, 1)
/** How long a socket may take to accept: it is on this machine. */
export const SOCKET_PROBE_MS = 1000
