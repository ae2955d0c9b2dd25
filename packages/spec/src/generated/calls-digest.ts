// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'ef2fe6425902c0008dfb80c14aab07764510681a18f3e9b5ed1d1f460ad40222'
