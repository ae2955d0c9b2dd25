// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '24393fdd4d3256077bab9e6cd9c40ee4b18c613a258ee93bb6e7723be3534e23'
