import type { Signature, TensorSpec } from '@soma/spec'
import { type Field, ProtobufReader } from '../protobuf/protobuf-reader.ts'
import type { ByteReader } from '../reader.ts'
import { tensorflowDtype } from './dtypes.ts'
import { META_GRAPHS_MAX, NAME_LENGTH_MAX, PORTS_MAX, RANK_MAX, SIGNATURES_MAX } from './limits.ts'

/** What `saved_model.pb` says of a model, without its weights, which lie in `variables/`. */
export interface SavedModelHeader {
  /** Of the first graph: `serve`. */
  readonly tags: readonly string[]
  readonly tensorflowVersion: string | null
  /** By name: `serving_default`. Null for one with inputs or outputs that are no tensors of ours. */
  readonly signatures: ReadonlyMap<string, Signature | null>
  /** Operations that reach outside the model, each once: they read or write files, or call Python. */
  readonly outsideOperations: ReadonlySet<string>
}

/** Not those that save and restore the weights, which every model has. */
const outside = new Set(['PyFunc', 'PyFuncStateless', 'EagerPyFunc', 'ReadFile', 'WriteFile', 'MatchingFiles'])

/**
 * Reads a SavedModel's graph file; the graph's constants are skipped.
 * @throws {SomaError} `package/invalid-model` with the offset.
 * @see https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/saved_model.proto
 */
export async function readSavedModel(reader: ByteReader): Promise<SavedModelHeader> {
  const scan = new SavedModelScan(new ProtobufReader(reader))
  await scan.model()
  return scan.header()
}

type Visit = (field: Field) => Promise<void> | void

/** Field numbers are those of `saved_model.proto`, `meta_graph.proto` and `graph.proto`. */
class SavedModelScan {
  readonly #reader: ProtobufReader
  readonly #tags: string[] = []
  readonly #signatures = new Map<string, Signature | null>()
  readonly #outside = new Set<string>()
  #version: string | null = null
  #graphs = 0

  constructor(reader: ProtobufReader) {
    this.#reader = reader
  }

  async model(): Promise<void> {
    await this.#reader.fields(this.#reader.sizeBytes, async (field) => {
      if (field.number === 2) await this.#metaGraph(field)
    })
    if (this.#graphs === 0) throw this.#reader.invalid('a graph', 'none', this.#reader.sizeBytes)
  }

  header(): SavedModelHeader {
    return { tags: this.#tags, tensorflowVersion: this.#version, signatures: this.#signatures, outsideOperations: this.#outside }
  }

  async #metaGraph(field: Field): Promise<void> {
    const first = ++this.#graphs === 1
    if (this.#graphs > META_GRAPHS_MAX) throw this.#reader.invalid(`at most ${META_GRAPHS_MAX} graphs`, 'more', field.offset)
    await this.#visit(field, async (part) => {
      if (part.number === 1 && first) await this.#info(part)
      if (part.number === 2) await this.#graph(part)
      if (part.number === 5 && first) await this.#signature(part)
    })
  }

  async #info(field: Field): Promise<void> {
    await this.#visit(field, async (part) => {
      if (part.number === 4 && this.#tags.length < META_GRAPHS_MAX) this.#tags.push(await this.#name(part))
      if (part.number === 5) this.#version = await this.#name(part)
    })
  }

  async #graph(field: Field): Promise<void> {
    await this.#visit(field, async (part) => {
      if (part.number === 1) await this.#node(part)
      if (part.number === 2) await this.#library(part)
    })
  }

  async #library(field: Field): Promise<void> {
    await this.#visit(field, async (part) => {
      if (part.number !== 1) return
      await this.#visit(part, async (inner) => {
        if (inner.number === 3) await this.#node(inner)
      })
    })
  }

  async #node(field: Field): Promise<void> {
    await this.#visit(field, async (part) => {
      if (part.number !== 2) return
      const operation = await this.#name(part)
      if (outside.has(operation)) this.#outside.add(operation)
    })
  }

  async #signature(field: Field): Promise<void> {
    let name = ''
    let signature: Signature | null = null
    await this.#visit(field, async (part) => {
      if (part.number === 1) name = await this.#name(part)
      if (part.number === 2) signature = await this.#ports(part)
    })
    // Made by TensorFlow for starting up; nobody calls it.
    if (name === '__saved_model_init_op') return
    this.#signatures.set(name, signature)
    if (this.#signatures.size > SIGNATURES_MAX) throw this.#reader.invalid(`at most ${SIGNATURES_MAX} signatures`, 'more', field.offset)
  }

  async #ports(field: Field): Promise<Signature | null> {
    const inputs: Array<TensorSpec | null> = []
    const outputs: Array<TensorSpec | null> = []
    await this.#visit(field, async (part) => {
      if (part.number === 1) inputs.push(await this.#port(part))
      if (part.number === 2) outputs.push(await this.#port(part))
      if (inputs.length + outputs.length > PORTS_MAX)
        throw this.#reader.invalid(`at most ${PORTS_MAX} inputs and outputs`, 'more', part.offset)
    })
    const known = (specs: ReadonlyArray<TensorSpec | null>): TensorSpec[] =>
      specs.filter((spec) => spec !== null).sort((a, b) => (a.name < b.name ? -1 : 1))
    if (inputs.includes(null) || outputs.includes(null)) return null
    return { inputs: known(inputs), outputs: known(outputs) }
  }

  async #port(field: Field): Promise<TensorSpec | null> {
    let name = ''
    let spec: Omit<TensorSpec, 'name'> | null = null
    await this.#visit(field, async (part) => {
      if (part.number === 1) name = await this.#name(part)
      if (part.number === 2) spec = await this.#tensor(part)
    })
    return spec && name !== '' ? { name, ...(spec as Omit<TensorSpec, 'name'>) } : null
  }

  async #tensor(field: Field): Promise<Omit<TensorSpec, 'name'> | null> {
    let type = 0
    let shape: number[] | null = null
    await this.#visit(field, async (part) => {
      if (part.number === 2) type = part.value
      if (part.number === 3) shape = await this.#shape(part)
    })
    const dtype = tensorflowDtype(type)
    return dtype ? { dtype, shape } : null
  }

  async #shape(field: Field): Promise<number[] | null> {
    const shape: number[] = []
    let unknown = false
    await this.#visit(field, async (part) => {
      if (part.number === 3) unknown = part.value !== 0
      if (part.number !== 2) return
      let size = 0
      await this.#visit(part, (inner) => {
        if (inner.number === 1) size = inner.value
      })
      if (shape.push(Number.isSafeInteger(size) && size >= 0 ? size : -1) > RANK_MAX)
        throw this.#reader.invalid(`at most ${RANK_MAX} dimensions`, 'more', field.offset)
    })
    return unknown ? null : shape
  }

  async #name(field: Field): Promise<string> {
    const text = await this.#reader.text(field)
    if (text.length > NAME_LENGTH_MAX)
      throw this.#reader.invalid(`a name of at most ${NAME_LENGTH_MAX} characters`, text.length, field.offset)
    return text
  }

  async #visit(field: Field, visit: Visit): Promise<void> {
    await this.#reader.message(field, visit)
  }
}

/** The signature that serving uses: the usual one, or the only one. */
export function servingSignature({ signatures }: SavedModelHeader): Signature | null {
  const usual = signatures.get('serving_default')
  if (usual !== undefined) return usual
  const [only, second] = signatures.values()
  return second === undefined ? (only ?? null) : null
}
