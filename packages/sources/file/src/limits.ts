/** Files of one package; the largest sharded checkpoints have a few hundred. */
export const FILES_MAX = 10_000
/** Files examined at once: a process may have 1024 open. */
export const FILES_OPEN_MAX = 64
/** Folders inside each other. Deeper trees are not models. */
export const DEPTH_MAX = 32
/** One read: measured on a warm page cache, 64 KiB pieces reach half the rate. */
export const READ_BYTES = 1024 * 1024
/** A git-lfs pointer file: the specification allows no more. */
export const LFS_POINTER_BYTES_MAX = 1024
/** A `.git` file, which holds one path. */
export const LFS_GITDIR_BYTES_MAX = 8 * 1024
