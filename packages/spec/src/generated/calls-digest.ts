// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '3c1e58fc26a442a3740dffcd70aa7b7b8ba50101760abbf94bf0181003de5c09'
