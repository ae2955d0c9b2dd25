import { GRAMMAR_LEFT_DEPTH_MAX, GRAMMAR_LEFT_STEPS_MAX } from '../limits.ts'
import type { Element, Gbnf, GbnfRule } from './gbnf.ts'

const USE_REPETITION = 'write what repeats with * or + instead'
const EMPTY_REPEATED = 'what is repeated without end may be empty; let each turn begin with something'

/** What makes a grammar unusable, and the rule that it is about. */
export type Complain = (what: string, rule: GbnfRule) => never

/**
 * Refuses rules that begin with themselves, at once or after others that may be empty: llama.cpp finds the simple ones, and of
 * the others it makes stacks until the memory is full. Refuses, too, what it would take too long or too deep to look into.
 */
export function refuseLeftRecursion(grammar: Gbnf, complain: Complain): void {
  const walk = new LeftWalk(grammar, complain)
  const steps = grammar.rules.reduce((sum, _, id) => sum + walk.visit(id, 0).steps, 0)
  const [first] = grammar.rules
  if (first && steps > GRAMMAR_LEFT_STEPS_MAX) complain('too many rules begin with each other in too many ways', first)
}

/** What looking into a rule comes to. */
interface Visit {
  readonly depth: number
  readonly steps: number
}

class LeftWalk {
  readonly #rules: readonly GbnfRule[]
  readonly #mayBeEmpty: ReadonlySet<number>
  readonly #complain: Complain
  readonly #visits = new Map<number, Visit | 'open'>()

  constructor(grammar: Gbnf, complain: Complain) {
    this.#rules = grammar.rules
    this.#mayBeEmpty = emptyRules(grammar)
    this.#complain = complain
  }

  visit(id: number, above: number): Visit {
    const known = this.#visits.get(id)
    const rule = this.#rules[id]
    if (!rule) return { depth: 0, steps: 0 }
    if (known === 'open')
      this.#complain(rule.repeats ? EMPTY_REPEATED : `the rule ${rule.name} begins with itself; ${USE_REPETITION}`, rule)
    if (known) return known
    if (above > GRAMMAR_LEFT_DEPTH_MAX) this.#complain(`more than ${GRAMMAR_LEFT_DEPTH_MAX} rules begin with each other`, rule)
    this.#visits.set(id, 'open')
    let [depth, steps] = [0, 1]
    for (const next of this.#beginnings(rule)) {
      const visit = this.visit(next, above + 1)
      depth = Math.max(depth, visit.depth + 1)
      steps += visit.steps
    }
    if (depth > GRAMMAR_LEFT_DEPTH_MAX) this.#complain(`more than ${GRAMMAR_LEFT_DEPTH_MAX} rules begin with each other`, rule)
    const visit = { depth, steps }
    this.#visits.set(id, visit)
    return visit
  }

  /** Rules that a rule can begin with: each first, and each after others that may be empty. */
  *#beginnings({ alternatives }: GbnfRule): Generator<number, void, void> {
    for (const sequence of alternatives)
      for (const element of sequence) {
        if (!('rule' in element)) break
        yield element.rule
        if (!this.#mayBeEmpty.has(element.rule)) break
      }
  }
}

/** A sequence whose rule may be empty if another one is. */
interface Waiter {
  readonly id: number
  readonly sequence: readonly Element[]
}

/** Rules that the empty text fits. */
function emptyRules({ rules }: Gbnf): ReadonlySet<number> {
  const empty = new Set<number>()
  const waiting = new Map<number, Waiter[]>()
  const waitersFor = (id: number): Waiter[] => waiting.get(id) ?? waiting.set(id, []).get(id) ?? []
  const look = (id: number, sequence: readonly Element[]): void => {
    if (empty.has(id)) return
    const other = sequence.find((element) => !('rule' in element && empty.has(element.rule)))
    if (!other) found.push(id)
    else if ('rule' in other) waitersFor(other.rule).push({ id, sequence })
  }
  const found: number[] = []
  for (const [id, { alternatives }] of rules.entries()) for (const sequence of alternatives) look(id, sequence)
  for (let id = found.pop(); id !== undefined; id = found.pop()) {
    if (empty.has(id)) continue
    empty.add(id)
    for (const { id: user, sequence } of waiting.get(id) ?? []) look(user, sequence)
    waiting.delete(id)
  }
  return empty
}
