// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'efc9469ea56db51b4b828af2df1cdf5b0d96268a64087dab7c35b674722b7c4b'
