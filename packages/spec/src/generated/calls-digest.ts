// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'e43bd78363435fd14041f3d5d5091d8f475dfd77760de437e77e1c144ecf968c'
