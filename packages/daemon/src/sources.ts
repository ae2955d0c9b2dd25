import type { Source, SourceDeps } from '@soma/spec'
import { createFileSource } from '@soma/source-file'
import { createUrlSource } from '@soma/source-url'

/** Every place that models can be installed from. */
export function builtInSources(deps: SourceDeps): readonly Source[] {
  return [createFileSource, createUrlSource].map((create) => create(deps))
}
