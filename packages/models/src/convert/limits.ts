/** Conversions at once: each takes an engine process of its own, which may hold the model twice. */
export const CONVERSIONS_MAX = 2
