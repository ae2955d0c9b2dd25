/** One page of a hub's answers: 1,000 files with their hashes take about 400 KiB, the info of 500 models about 4 MiB. */
export const PAGE_BYTES_MAX = 32 * 1024 * 1024
/** Requests of one resolution: the pages of a repository of 100,000 files. */
export const REQUESTS_MAX = 128
/** Files of a repository. */
export const FILES_MAX = 100_000
/** Hubs want LFS for files of more than 10 MB; smaller ones are hashed by git's rule while they are read. */
export const GIT_HASHED_BYTES_MAX = 16 * 1024 * 1024
/** A token file. */
export const TOKEN_BYTES_MAX = 4096
/** Branches and tags named in an error when the one asked for does not exist. */
export const REVISIONS_SHOWN = 12
/** Models named in an error when the one asked for does not exist. */
export const MODELS_SHOWN = 5
/** Models whose names are compared with that of one that does not exist. */
export const MODELS_COMPARED = 100
/** Folders below a snapshot of the cache. */
export const SNAPSHOT_DEPTH_MAX = 16
/** Characters of a branch's or tag's name that is told in an error: the hub's own are shorter. */
export const REVISION_LENGTH_MAX = 256
