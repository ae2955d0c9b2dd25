import { SomaError } from '@soma/core'
import { type InferRequest, type ModelMethod, type Signature, checkInputs } from '@soma/spec'
import { GENERATED_LENGTH_MAX } from './limits.ts'

/** Before queueing where the signature is known: a call that cannot work must not wait, nor make others wait. */
export function checkRequest(signature: Signature, { inputs, outputs }: InferRequest): void {
  checkInputs(signature, inputs)
  const unknown = outputs?.find((name) => !signature.outputs.some((output) => output.name === name))
  if (unknown === undefined) return
  const names = signature.outputs.map(({ name }) => name)
  throw new SomaError('model/input-mismatch', `the model has no output "${unknown}"; it has ${names.join(', ')}`, {
    details: { output: unknown, outputs: names },
  })
}

/** @throws {SomaError} `resource/exhausted` for an answer without end. */
export function append(text: string, piece: string): string {
  if (text.length + piece.length <= GENERATED_LENGTH_MAX) return text + piece
  throw new SomaError(
    'resource/exhausted',
    `the generated text is over the limit of ${GENERATED_LENGTH_MAX} characters; ask for fewer tokens`,
    {
      details: { lengthMax: GENERATED_LENGTH_MAX },
    },
  )
}

export function cannot(model: string, method: ModelMethod, methods: readonly ModelMethod[]): SomaError {
  return new SomaError('model/unsupported', `model ${model} cannot ${method}; it can ${methods.join(', ') || 'do nothing'}`, {
    details: { model, method, methods },
  })
}
