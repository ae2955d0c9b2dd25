export { abortError, throwIfAborted, untilAborted } from './abort.ts'
export { assert, defined } from './assert.ts'
export type { Brand } from './brand.ts'
export { releaseBytes } from './bytes.ts'
export type { Clock } from './clock.ts'
export { type ErrorCode, type ErrorCodeInfo, errorCodes, isErrorCode } from './error-codes.ts'
export { type ErrorDetails, type Problem, SomaError, type SomaErrorOptions, isSomaError, toSomaError } from './error.ts'
export {
  ANONYMOUS,
  type BlobDigest,
  type CallId,
  type CapabilityId,
  OWNER,
  type PrincipalId,
  type TokenId,
  isBlobDigest,
  isCallId,
  isCapabilityId,
  isTokenId,
  parseBlobDigest,
} from './ids.ts'
export { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES_MAX, JSON_DEPTH_MAX, NAME_LENGTH_MAX } from './limits.ts'
export { type Json, canonicalJson, isJson, parseJson } from './json.ts'
export { type Log, type LogFields, type LogLevel, type LogOptions, type LogRecord, createLog, logLevels, redact, silentLog } from './log.ts'
export { type Rng, createSeededRng, randomId, randomInteger } from './rng.ts'
export { VERSION } from './version.ts'
