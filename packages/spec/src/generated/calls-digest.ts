// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '1ace7877c9758cec6e0209a5a7e191002e4799d9fdf61dfda43e78ac2d2fd3d2'
