// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'c180ab396f98cdaa6342d66b1282cc5aec61531694453d5bf6a271ecc3dd90ad'
