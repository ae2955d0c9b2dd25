/** Bytes of one encoded recording: what a frame of the wire carries at most. */
export const AUDIO_BYTES_MAX = 1024 * 1024 * 1024
/** Samples after mixing and resampling: four hours at 16 kHz, 83 minutes at 48 kHz; 960 MB. */
export const SAMPLES_MAX = 240_000_000
/** Microphone arrays and cinema sound end below. */
export const CHANNELS_MAX = 32
/** Hertz. Telephones have 8,000, studios 192,000; twice as much either way. */
export const SAMPLE_RATE_MIN = 4000
export const SAMPLE_RATE_MAX = 384_000
/**
 * Encoded bytes that are decoded at once. Silence shrinks most: a FLAC frame of 14 bytes can hold 65,535 samples of 8 channels,
 * so that 1 kB decodes to 153 MB at worst, of which nothing is kept past the limit above.
 */
export const FLAC_CHUNK_BYTES = 1024
/** A Vorbis packet of one byte can be 4,096 samples of each channel: 2 kB decode to 134 MB at worst. */
export const VORBIS_CHUNK_BYTES = 2048
/** 48 samples a byte at most. */
export const MP3_CHUNK_BYTES = 64 * 1024
/** Channels of the compressed formats: 7.1, which is also the most that FLAC and the usual Vorbis and Opus mappings have. */
export const COMPRESSED_CHANNELS_MAX = 8
/** Frames of PCM turned into floats at once. */
export const PCM_CHUNK_FRAMES = 65_536
/** An Opus packet may be 61,440 bytes long for each of its streams; tags with pictures are longer. */
export const OGG_PACKET_BYTES_MAX = 64 * 1024 * 1024
/** Chunks before the data of a WAV file, and boxes of any kind inside it. */
export const WAV_CHUNKS_MAX = 1000
/** Coefficients of a resampling filter: 16 MB. Rates with a more awkward ratio get the nearest of this many phases. */
export const FILTER_COEFFICIENTS_MAX = 4 * 1024 * 1024
