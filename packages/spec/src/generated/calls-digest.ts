// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '135f94a89ea744b7238797b3477a9766e8f49064ef44b0a9fa21440a41a66c56'
