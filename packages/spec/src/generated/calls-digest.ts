// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = 'a98036e6e2812b4d15636e26dd383804a348352e15230da44f148caa43d640bb'
