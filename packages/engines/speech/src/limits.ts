/** Hertz. What all the recognisers and the detector of voice were trained on. */
export const SPEECH_SAMPLE_RATE = 16_000
/** Samples that Silero looks at at once, at 16 kHz. */
export const VAD_WINDOW_SAMPLES = 512
/** Samples given to the detector between two looks at what else came: a second takes it some 10 ms. */
export const VAD_STEP_SAMPLES = 32 * VAD_WINDOW_SAMPLES
/** Seconds that the detector holds for stretches not yet fetched; more than the longest stretch. */
export const VAD_BUFFER_SECONDS = 120
/** Whisper hears 30 seconds, and answers nothing for what is longer. */
export const WINDOW_SECONDS_MAX = 29.5
/** Where a window is cut: the quietest moment of its last seconds, so that no word is cut in two. */
export const CUT_SEARCH_SECONDS = 6
/** Shorter pieces get silence behind them: of less than a window of features the library makes a negative count. */
export const PIECE_SECONDS_MIN = 0.5
/** Silence behind the last sound, so that streaming models say their last word. */
export const TAIL_SECONDS = 0.8
/** Characters that are spoken at once: the first sound comes after so many, and no model was trained on more. */
export const SENTENCE_LENGTH_MAX = 400
/** Calls that wait for the one under way: each holds its recording. */
export const WAITING_CALLS_MAX = 32
/** Bytes of a list of tokens or words; those of the largest multilingual models have 1 MB, dictionaries 10. */
export const TEXT_FILE_BYTES_MAX = 64 * 1024 * 1024
/** For the estimate, as measured: the process with the library; what a loaded model takes for a byte of its files. */
export const PROCESS_BYTES = 140e6
export const FILE_FACTOR = 2.5
/** Speakers of a voice: the largest sets have 904 (LibriTTS) and 8,000. */
export const SPEAKERS_MAX = 100_000
