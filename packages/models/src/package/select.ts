import { posix } from 'node:path'
import { isShardIndexPath, isTrainingState } from '@soma/formats'
import { MANIFEST_FILE_NAME } from '@soma/spec'
import { compileGlobs } from './glob.ts'
import { SUPPORT_FILE_BYTES_MAX } from './limits.ts'

/** What is known of a file that may belong to a model. */
export interface FileSize {
  readonly sizeBytes: number
}

/** Programs and what programs are built from: archives of code carry models, but a model needs none of it. */
const codeExtensions = new Set(
  (
    '.py .pyc .pyi .pyx .pyd .js .mjs .cjs .jsx .ts .mts .cts .tsx .map .html .css .scss .c .cc .cpp .cu .h .hpp .rs .go .java .class .jar ' +
    '.rb .php .swift .kt .sh .bash .bat .ps1 .so .dylib .dll .exe .a .o .lib .node .wasm .ipynb .toml .cfg .ini .lock .gitignore .npmignore'
  ).split(' '),
)
const codeFolders = /(^|\/)(node_modules|__pycache__|\.git|\.github)\//
/** Wheels' and sdists' own records; the licences in them are kept. */
const recordFolders = /(^|\/)[^/]+\.(dist|egg)-info\//

/** Texts that say what may be done with a model, and what it is. */
const documents = /(^|\/)(licen[cs]e|copying|notice|readme|model[-_ ]?card)[^/]*$/i

/** Configuration, vocabularies and templates that lie beside a model. */
const supportExtensions = new Set('.json .txt .yaml .yml .model .spm .vocab .bpe .tiktoken .jinja .labels .names .dict .keys'.split(' '))
/** Of those, the ones that describe the program around the model. */
const programFiles =
  /(^|\/)(package(-lock)?|tsconfig[^/]*|composer|bower|deno)\.json$|(^|\/)requirements[^/]*\.txt$|(^|\/)(top_level|sources|entry_points)\.txt$/i

/**
 * Which files are worth fetching or unpacking. `include` says it, and manifests and licences come along; without it, all
 * but code is, because weights beside a model can have any name.
 * @throws {SomaError} `call/invalid-input` for a glob that cannot be read.
 */
export function wantedPaths(include: readonly string[] | undefined): (path: string) => boolean {
  const included = include && compileGlobs(include)
  return (path) => isManifest(path) || isDocument(path) || (included ?? mayBelongToModel)(path)
}

/** A manifest, of the package or of a folder in it. */
export function isManifest(path: string): boolean {
  return posix.basename(path) === MANIFEST_FILE_NAME
}

/** Anything that is not evidently code, or left over from training. */
export function mayBelongToModel(path: string): boolean {
  if (isDocument(path)) return true
  return !isCode(path) && !isTrainingState(path) && !recordFolders.test(path) && !programFiles.test(path)
}

/** Licence, readme, model card. */
export function isDocument(path: string): boolean {
  return documents.test(path) && !isCode(path)
}

function isCode(path: string): boolean {
  return codeExtensions.has(posix.extname(path).toLowerCase()) || codeFolders.test(path)
}

/** Whether a file looks like configuration or vocabulary and is of a size that such files have. */
export function isSupport(path: string, { sizeBytes }: FileSize): boolean {
  return (
    supportExtensions.has(posix.extname(path).toLowerCase()) &&
    mayBelongToModel(path) &&
    !isWeightIndex(path) &&
    sizeBytes <= SUPPORT_FILE_BYTES_MAX
  )
}

/** Which file holds which weights: of use only together with them, so it is kept only as a part of the model. */
function isWeightIndex(path: string): boolean {
  return isShardIndexPath(path) || /\.(bin|h5|msgpack)\.index\.json$/i.test(path)
}

/**
 * The files to keep of a package without a list of its own: the model's files, licences, and configuration and
 * vocabulary in the folders of the model's files or above them.
 * @param core files that must be kept: those with a role, and their weights.
 * @param include keeps what it matches instead of the configuration and vocabulary.
 */
export function selectFiles(
  files: ReadonlyMap<string, FileSize>,
  core: ReadonlySet<string>,
  include?: (path: string) => boolean,
): string[] {
  const folders = new Set([...core].flatMap(foldersAbove))
  const beside = (path: string): boolean => folders.has(moduleParent(path) ?? posix.dirname(path))
  const wanted = include ?? ((path: string) => beside(path) && isSupport(path, files.get(path) ?? { sizeBytes: Infinity }))
  return [...files.keys()].filter((path) => core.has(path) || wanted(path) || isDocument(path))
}

/** Sentence Transformers keeps what comes behind the model in folders of their own: `1_Pooling/config.json`. */
function moduleParent(path: string): string | undefined {
  return /(^|\/)\d_[A-Za-z]+\/config\.json$/.test(path) ? posix.dirname(posix.dirname(path)) : undefined
}

function foldersAbove(path: string): string[] {
  const folders = []
  for (let folder = posix.dirname(path); ; folder = posix.dirname(folder)) {
    folders.push(folder)
    if (folder === '.') return folders
  }
}
