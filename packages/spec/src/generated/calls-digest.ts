// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '327f5263102e37bc0855d5ac6f872f3c25947581700dff4c2bd5963e46ea996e'
