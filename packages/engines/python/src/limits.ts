/** Asking a Python which frameworks it has takes 0.1 s; one that takes longer is on a disk that sleeps, or asks something itself. */
export const PROBE_MS_MAX = 10_000
/** What it answers is one line. */
export const PROBE_BYTES_MAX = 16 * 1024
/** Pythons on one PATH that are asked; each costs a process. */
export const CANDIDATES_MAX = 8
