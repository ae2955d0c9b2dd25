import { z } from 'zod'
import { dtypes } from './dtype.ts'

/** A dtype in a document. In a file of its own, so that reading a tensor's values does not take zod along. */
export const DtypeSchema = z.enum(dtypes)
