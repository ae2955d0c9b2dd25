import { Script, createContext } from 'node:vm'

const box: { work: (() => unknown) | undefined } = { work: undefined }
const context = createContext(box)
const script = new Script('work()')

/**
 * Work of a program that came with a model, such as a chat template: one without end would hold up everybody else. It must not wait for
 * anything; what it runs is interrupted wherever it is. Costs about 0.1 ms.
 * @throws what `work` throws, or `late()` when it has taken longer than `timeMsMax`.
 */
export function withinTime<Result>(work: () => Result, timeMsMax: number, late: () => Error): Result {
  let result: { readonly value: Result } | undefined
  const outer = box.work
  box.work = () => void (result = { value: work() })
  try {
    script.runInContext(context, { timeout: timeMsMax })
  } catch (error) {
    throw (error as { readonly code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? late() : error
  } finally {
    box.work = outer
  }
  if (result) return result.value
  throw late()
}
