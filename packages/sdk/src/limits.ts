import { JSON_DEPTH_MAX } from '@soma/core'

/** Events on their way that the reader has not taken: hides the round trip, and bounds what a slow reader holds. */
export const STREAM_WINDOW = 64
/** Nesting of an input: what a frame may have, less the message around it. */
export const INPUT_DEPTH_MAX = JSON_DEPTH_MAX - 4
