import type { Row } from '../measure.ts'
import { dispatch } from './dispatch.ts'

/** All rows, in the order of docs/benchmarks.md. */
export const rows: readonly Row[] = [dispatch]
