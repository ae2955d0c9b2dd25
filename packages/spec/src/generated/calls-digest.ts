// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '77e550dbde424be8e8c01ff6df10bbcf7f26a6ca7c3089eaf4b8dd6317ecb225'
