import type { CreateSource, Source } from '@soma/spec'
import { downloadFile } from './download.ts'
import { parseFileReference } from './options.ts'
import { resolveFile } from './resolve.ts'

/** Folders, files and archives on the daemon's own machine. */
export const createFileSource: CreateSource = (): Source => ({
  sourceVersion: 1,
  scheme: 'file',
  title: 'Local folder, file or archive',
  example: 'file//home/me/models/detector',
  resolve: async (name, { signal }) => resolveFile(parseFileReference(name), signal),
  download: downloadFile,
})
