// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.

/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */
export const CALLS_DIGEST = '0edefda1beef4ea0930d7e94a9f7de5176d1cf50f029e61525646fc1e296e924'
