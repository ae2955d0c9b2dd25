/** A class or function that a pickle names. */
export interface PickleGlobal {
  readonly kind: 'global'
  readonly module: string
  readonly name: string
  /** Of the opcode that named it. */
  readonly offset: number
}

/** What is known of a value on an unpickler's stack. Nothing is ever made or called; what does not matter is opaque. */
export type PickleValue =
  | PickleGlobal
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'tuple'; readonly items: readonly PickleValue[] }
  /** What a call of an allowed class or function gives. */
  | { readonly kind: 'object'; readonly of: PickleGlobal; readonly argument: PickleValue }
  /** What the loading program puts there for an id: tensors' storages. */
  | { readonly kind: 'persistent'; readonly id: PickleValue }
  | { readonly kind: 'opaque' }

export const OPAQUE: PickleValue = { kind: 'opaque' }

/** `module.name`, as messages show it. */
export function globalName({ module, name }: Pick<PickleGlobal, 'module' | 'name'>): string {
  return `${module}.${name}`
}
