import { badGrammar } from '../errors.ts'
import { GbnfReader } from './gbnf-reader.ts'
import { refuseManyReadings } from './gbnf-readings.ts'
import { refuseLeftRecursion } from './gbnf-recursion.ts'
import { GbnfText } from './gbnf-text.ts'

/**
 * Whether an answer can be held to a grammar.
 * @throws {SomaError} `model/input-mismatch` with what is wrong, and the line and column where it is at one place.
 */
export function checkGbnf(grammar: string): void {
  const text = new GbnfText(grammar)
  const read = new GbnfReader(text).read()
  refuseLeftRecursion(read, (what, rule) => text.fail(what, rule.at))
  refuseManyReadings(read, (what) => {
    throw badGrammar(what)
  })
}
