/** Bytes of one encoded picture, by tensor or by path. A 64-megapixel photograph in best JPEG quality takes half. */
export const ENCODED_BYTES_MAX = 64 * 1024 * 1024

/** Pixels of a picture as it comes. 50-megapixel telephones and A3 at 400 dpi fit; decoded it takes 192 MB at most. */
export const PICTURE_PIXELS_MAX = 64_000_000

/** Pixels we read text from. Larger pictures are scaled down while they are decoded: no text that the detector sees is lost. */
export const WORKING_PIXELS_MAX = 16_000_000

/** Seconds of decoding. A 63-megapixel AVIF scan took 3 s here on a busy core; one of pure noise takes more than 30. */
export const DECODE_SECONDS_MAX = 30

/** Lines of text. A4 in 6-point print has about 200 in two columns; noise can have any number. */
export const PIECES_MAX = 2000

/** Width of a line scaled to 48 pixels of height. Longer ones are squeezed; the recogniser's output takes 21 MB then. */
export const STRIP_WIDTH_MAX = 6400

/** Characters of the dictionary file; PaddleOCR's largest has about 18,000. */
export const DICTIONARY_ENTRIES_MAX = 100_000
export const DICTIONARY_BYTES_MAX = 1024 * 1024

/** Calls that wait for the one being read: each holds its encoded picture in memory. */
export const WAITING_CALLS_MAX = 32

/** For the estimate, as measured: Node.js with both libraries; what a session holds for a byte of its file; what the detector takes for a pixel. */
export const PROCESS_BYTES = 110e6
export const FILE_FACTOR = 3
export const DETECTION_BYTES_PER_PIXEL = 270
