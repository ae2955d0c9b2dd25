// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '1b12b67dd116d6113bab84627ef8fe7c8395c3e94ad06a64de4ebc3ae15e6f95'
