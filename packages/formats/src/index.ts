export { Cursor, type CursorOptions } from './cursor.ts'
export { invalidModel, quote } from './invalid-model.ts'
export { type ByteReader, bytesReader, openFileReader } from './reader.ts'
