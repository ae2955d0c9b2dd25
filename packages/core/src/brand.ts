declare const brand: unique symbol

/** A primitive that only its own parser can produce, so that ids of different kinds are never mixed up. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
