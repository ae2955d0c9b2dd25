/** Nodes of one document: 256 KiB of YAML hold at most this many values, and walking them takes 20 ms. */
export const YAML_NODES_MAX = 100_000
