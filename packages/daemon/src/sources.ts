import type { Source, SourceDeps } from '@soma/spec'
import { createAxonSource } from '@soma/source-axon'
import { createFileSource } from '@soma/source-file'
import { createHuggingFaceSource } from '@soma/source-huggingface'
import { createKaggleSource, createTfhubSource } from '@soma/source-kaggle'
import { createModelScopeSource } from '@soma/source-modelscope'
import { createNpmSource } from '@soma/source-npm'
import { createOllamaSource } from '@soma/source-ollama'
import { createOciSource } from '@soma/source-oci'
import { createPypiSource } from '@soma/source-pypi'
import { createPytorchSource } from '@soma/source-pytorch'
import { createReplicateSource } from '@soma/source-replicate'
import { createUrlSource } from '@soma/source-url'
import { type UserSourceFile, createUserSources } from './user-sources.ts'

/** Every place that models can be installed from. */
function builtInSources(deps: SourceDeps): readonly Source[] {
  return [
    createFileSource,
    createUrlSource,
    createHuggingFaceSource,
    createOllamaSource,
    createModelScopeSource,
    createPytorchSource,
    createNpmSource,
    createOciSource,
    createPypiSource,
    createAxonSource,
    createKaggleSource,
    createTfhubSource,
    createReplicateSource,
  ].map((create) => create(deps))
}

/** Those that come with Soma, then the user's own; of these it is known which file they are. */
export function allSources(
  deps: SourceDeps,
  files: readonly UserSourceFile[],
): { readonly sources: readonly Source[]; readonly userSources: ReadonlyMap<Source, string> } {
  const builtIn = builtInSources(deps)
  const userSources = createUserSources(files, deps, builtIn)
  return { sources: [...builtIn, ...userSources.keys()], userSources }
}
