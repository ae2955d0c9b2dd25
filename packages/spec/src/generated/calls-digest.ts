// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'c0ff7180692f315d659ff523d8747d68db1083a799c7157e3f3c32421970b445'
