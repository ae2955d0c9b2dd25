// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '718025fe1a5f3815fe4bac980518213998b4bc4efba13e49501573c8a901905d'
