import { type CallName, TensorSchema, callDefinition } from '@soma/spec'

/** The field of a call's input that takes a list of tensors; undefined when there is none. */
export function tensorField(name: CallName): string | undefined {
  const { input } = callDefinition(name) as { input: { shape?: Readonly<Record<string, Schema>> } }
  return Object.entries(input.shape ?? {}).find(([, schema]) => isTensorList(schema))?.[0]
}

/** As much of a zod schema as is looked at here. */
interface Schema {
  readonly element?: unknown
  readonly unwrap?: () => Schema
}

function isTensorList(schema: Schema): boolean {
  if (schema.element !== undefined) return schema.element === TensorSchema
  return schema.unwrap !== undefined && isTensorList(schema.unwrap())
}
