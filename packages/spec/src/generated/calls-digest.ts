// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'bdee1f04ad91a23663ae94421cae9d3e293982822a9f41a93b26e2c819407829'
