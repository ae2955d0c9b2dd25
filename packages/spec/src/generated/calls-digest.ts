// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'ef8538d46b018f961de436990c11aa2e064e5719dfce3f1d30e9f6d8033677bc'
