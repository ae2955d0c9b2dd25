// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'a34f5ea24c673a2907d9a9294897faba4d449c01368d92e6763342bf5c01bb3b'
