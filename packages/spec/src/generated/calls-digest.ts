// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '08b6ebcd647c46d5571566cdc929356f3fde6c37f78a4b19cec61a4f9b00c26a'
