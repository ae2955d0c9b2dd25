// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '5810480f161934cb3bd22612bd7ce251ef397e656342ef429ea7f653c668cad3'
