/** Archives inside archives: an exported program holds checkpoints, and nothing holds more. */
export const NESTED_ARCHIVES_MAX = 3
