/**
 * Runs `work` on every item, at most `max` at once. The first failure is thrown once what is under way has ended, and
 * nothing new is begun after it.
 */
export async function inParallel<Item>(items: Iterable<Item>, max: number, work: (item: Item) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done && failures.length === 0; next = iterator.next()) {
      try {
        await work(next.value)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: max }, worker))
  if (failures.length > 0) throw failures[0]
}
