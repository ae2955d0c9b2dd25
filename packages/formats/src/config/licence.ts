import { knownLicenceOfText } from '@soma/spec'
import type { ByteReader } from '../reader.ts'
import { LICENCE_BYTES_MAX } from './limits.ts'

/** Which licence a LICENSE file holds, as an SPDX identifier or as hubs call it; null when it is none of the well-known ones. */
export async function readLicence(reader: ByteReader): Promise<string | null> {
  const bytes = await reader.read(0, Math.min(reader.sizeBytes, LICENCE_BYTES_MAX))
  return knownLicenceOfText(Buffer.from(bytes).toString()) ?? null
}
