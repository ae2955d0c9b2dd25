import { SomaError } from '@soma/core'
import { archiveKind, fileStem, modelNameOf } from './file-name.ts'
import { readDocument } from './http-document.ts'
import { openHttpDownload } from './http-download.ts'
import { publicUrl } from './public-url.ts'
import type { Source, SourceDeps } from './source.ts'

/** What a source outside this repository cannot import: it gets it as the second argument of its `createSource`. */
export const sourceTools = { SomaError, archiveKind, fileStem, modelNameOf, openHttpDownload, publicUrl, readDocument } as const
export type SourceTools = typeof sourceTools

/** What a file in the user's sources folder exports as `createSource`. */
export type CreateUserSource = (deps: SourceDeps, tools: SourceTools) => Source
