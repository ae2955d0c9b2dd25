import { loadFailed, messageOf } from './errors.ts'
import { type Library, type Processor, type ProcessorClass, classNamed } from './library.ts'
import { type PackageParts, needed, textAt } from './package-files.ts'

const FILE = 'preprocessor_config.json'

/** What makes numbers of pictures or sound, as the package's own configuration says. */
export async function openProcessor(library: Library, files: PackageParts): Promise<Processor> {
  const config = needed(FILE, await files.json(FILE))
  const name = (textAt(config, 'image_processor_type') ?? textAt(config, 'feature_extractor_type') ?? '').replace(/Fast$/, '')
  const Class = classNamed(library, name, '_call') as ProcessorClass | undefined
  if (!Class) throw loadFailed(FILE, `it names no preprocessor that is known here, but ${JSON.stringify(name)}`)
  try {
    return new Class(config)
  } catch (error) {
    throw loadFailed(FILE, messageOf(error), error)
  }
}
