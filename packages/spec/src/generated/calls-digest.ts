// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '9540861abd2885fec0ec60b301e553136e71e7775b8248423b320fda753beeb9'
