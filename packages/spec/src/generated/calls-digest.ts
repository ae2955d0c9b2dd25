// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'ee41673f02a4bce75c8d55c897069393d589126bdca6a84df067c9caecab4a02'
