/** Events on their way that the reader has not taken: hides the round trip, and bounds what a slow reader holds. */
export const STREAM_WINDOW = 64
