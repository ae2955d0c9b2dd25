// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '2fb05f353672f12145e1014a5f04a4457d41b0ff2b22a2d1f7cc021653ff36a2'
