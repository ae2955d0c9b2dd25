import { type SomaError, assert } from '@soma/core'
import { invalidModel } from '../invalid-model.ts'
import type { Permission, PicklePolicy } from './allowed.ts'
import { PICKLE_MEMO_MAX, PICKLE_STACK_MAX, PICKLE_TUPLE_ITEMS_MAX } from './limits.ts'
import { dtypeCode, hasFalseFlags } from './numpy-dtype.ts'
import { OPAQUE, type PickleGlobal, type PickleValue, globalName } from './values.ts'

/** Something that makes a pickle unsafe. */
export interface PickleFinding {
  /** `os.system`; null when it is not named in the file. */
  readonly global: string | null
  readonly opcode: string
  readonly offset: number
  /** Completes "it …": `names os.system`. */
  readonly reason: string
}

/** Where an opcode stands. */
export interface OpcodeSite {
  readonly opcode: string
  readonly offset: number
}

export interface MachineEvents {
  global(global: PickleGlobal): void
  finding(finding: PickleFinding): void
  /** An allowed function is called; this is its argument. */
  call(global: PickleGlobal, argument: PickleValue): void
  persistent(id: PickleValue): void
}

/**
 * An unpickler that makes nothing and calls nothing: it moves values over stack and memo as Python's does, so that it knows
 * what each opcode is given. What Python would refuse (an empty stack, a memo entry that is not there) it refuses as well.
 */
export class PickleMachine {
  site: OpcodeSite = { opcode: 'PROTO', offset: 0 }
  readonly #name: string
  readonly #policy: PicklePolicy
  readonly #events: MachineEvents
  readonly #stack: PickleValue[] = []
  /** Heights of the stack at the open marks. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  /** A dtype of Python objects was made: bytes that claim to hold such ones would be taken for pointers. */
  #objectDtypes = false

  constructor(name: string, policy: PicklePolicy, events: MachineEvents) {
    this.#name = name
    this.#policy = policy
    this.#events = events
  }

  push(value: PickleValue): void {
    if (this.#stack.push(value) > PICKLE_STACK_MAX) throw this.invalid(`at most ${PICKLE_STACK_MAX} values on the stack`, 'more')
  }

  pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.invalid('a value on the stack', 'none')
    const value = this.#stack.pop()
    assert(value !== undefined, 'the stack is not empty')
    return value
  }

  top(): PickleValue {
    const value = this.pop()
    this.#stack.push(value)
    return value
  }

  mark(): void {
    if (this.#marks.push(this.#stack.length) > PICKLE_STACK_MAX) throw this.invalid(`at most ${PICKLE_STACK_MAX} marks`, 'more')
  }

  /** `POP` takes away a mark when that is what lies on top. */
  discard(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop()
    else this.pop()
  }

  /** Takes everything down to the last mark away. @returns the first of it; `PICKLE_TUPLE_ITEMS_MAX` at most. */
  popMark(): PickleValue[] {
    const from = this.#marks.pop()
    if (from === undefined) throw this.invalid('a mark', 'none')
    const items = this.#stack.slice(from, from + PICKLE_TUPLE_ITEMS_MAX + 1)
    this.#stack.length = from
    return items
  }

  replace(count: number, value: PickleValue): void {
    for (let index = 0; index < count; index++) this.pop()
    this.push(value)
  }

  tuple(items: readonly PickleValue[]): void {
    this.push(items.length > PICKLE_TUPLE_ITEMS_MAX ? OPAQUE : { kind: 'tuple', items })
  }

  tupleOf(count: number): void {
    this.tuple(Array.from({ length: count }, () => this.pop()).reverse())
  }

  put(index: number): void {
    this.#memo.set(index, this.top())
    if (this.#memo.size > PICKLE_MEMO_MAX) throw this.invalid(`at most ${PICKLE_MEMO_MAX} memo entries`, 'more')
  }

  memoize(): void {
    this.put(this.#memo.size)
  }

  get(index: number): void {
    const value = this.#memo.get(index)
    if (!value) throw this.invalid('a memo entry that was put before', index)
    this.push(value)
  }

  /** `GLOBAL` and `INST`; null where the text is none, which Python refuses too. */
  named(module: string | null, name: string | null): PickleValue {
    if (module === null || name === null) throw this.invalid('two lines of text', 'something else')
    return this.#global(module, name)
  }

  stackGlobal(): void {
    const name = this.pop()
    const module = this.pop()
    if (module.kind === 'text' && name.kind === 'text') return this.push(this.#global(module.text, name.text))
    this.finding(null, 'takes the name of a function from where it cannot be read')
    this.push(OPAQUE)
  }

  /** Calls `callee`, as `REDUCE`, `NEWOBJ` and their like do. */
  call(callee: PickleValue, argument: PickleValue): void {
    if (callee.kind !== 'global') {
      this.finding(null, 'calls something that the file does not name')
      this.push(OPAQUE)
      return
    }
    if (this.#permission(callee) === 'value') this.finding(globalName(callee), `calls ${globalName(callee)}, which is only to be handed on`)
    if (passesCallOn(callee, argument))
      this.finding(globalName(callee), `makes ${globalName(callee)} call something that rebuilds no tensor`)
    this.#events.call(callee, argument)
    if (isDtype(callee)) this.#dtype(callee, argument)
    this.push({ kind: 'object', of: callee, argument })
  }

  reduce(): void {
    const argument = this.pop()
    this.call(this.pop(), argument)
  }

  newObjEx(): void {
    const named = this.pop()
    const argument = this.pop()
    this.call(this.pop(), { kind: 'tuple', items: [argument, named] })
  }

  /** `OBJ`: the class is the first value behind the mark. */
  obj(): void {
    const [callee, ...items] = this.popMark()
    if (!callee) throw this.invalid('a class behind the mark', 'nothing')
    this.call(callee, { kind: 'tuple', items })
  }

  /** Sets the state of what is on top. A class or function has no state of its own that weights could have. */
  build(): void {
    const state = this.pop()
    const target = this.top()
    if (target.kind === 'global') this.finding(globalName(target), `sets attributes of ${globalName(target)} itself`)
    if (target.kind !== 'object' || !isDtype(target.of)) return
    if (hasFalseFlags(dtypeCode(target.argument) ?? 'O', state, this.#objectDtypes))
      this.finding(globalName(target.of), 'makes a numpy.dtype that takes bytes for Python objects')
  }

  persistent(id: PickleValue): void {
    this.#events.persistent(id)
    this.push({ kind: 'persistent', id })
  }

  extension(code: number): void {
    this.finding(null, `uses entry ${code} of the extension registry, which only the loading program knows`)
    this.push(OPAQUE)
  }

  /** The end of a pickle: one value is its result. */
  stop(): PickleValue {
    return this.pop()
  }

  finding(global: string | null, reason: string): void {
    this.#events.finding({ global, ...this.site, reason })
  }

  invalid(expected: string, found: string | number): SomaError {
    return invalidModel(this.#name, this.site.offset, `${expected} for ${this.site.opcode}`, found)
  }

  #global(module: string, name: string): PickleValue {
    const global: PickleGlobal = { kind: 'global', module, name, offset: this.site.offset }
    this.#events.global(global)
    if (this.#permission(global) === 'none') this.finding(globalName(global), `names ${globalName(global)}`)
    return global
  }

  #dtype(callee: PickleGlobal, argument: PickleValue): void {
    const code = dtypeCode(argument)
    if (code === null) this.finding(globalName(callee), 'makes a numpy.dtype from something other than its code')
    this.#objectDtypes ||= code === null || code.includes('O')
  }

  #permission({ module, name }: PickleGlobal): Permission {
    return this.#policy(module, name)
  }
}

function isDtype({ module, name }: PickleGlobal): boolean {
  return module === 'numpy' && name === 'dtype'
}

/** The one function on the list that calls what it is given. */
function passesCallOn({ module, name }: PickleGlobal, argument: PickleValue): boolean {
  if (module !== 'torch._tensor' || name !== '_rebuild_from_type_v2') return false
  const callee = argument.kind === 'tuple' ? argument.items[0] : undefined
  return callee?.kind !== 'global' || callee.module !== 'torch._utils'
}
