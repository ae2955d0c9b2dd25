import { SomaError } from '@soma/core'
import { type CallName, type UnaryCallName, type StreamingCallName, callDefinition, callNames, isCallName } from '@soma/spec'
import { type CommandContext, type Client, collect, defineCommand } from '../command.ts'
import { readJson, splitAssignment } from '../input/read.ts'
import { tensorField } from '../input/tensor-field.ts'
import { fileTensor } from '../input/tensor.ts'
import { toDocument } from '../output/document.ts'
import { printableJson } from '../output/text.ts'

interface Options {
  readonly json?: string
  readonly tensor?: readonly string[]
}

export const command = defineCommand<[name: string, input?: string], Options>({
  examples: [
    'soma call system.health',
    'soma call model.show --json \'{"model": "ocr"}\'',
    'soma call model.infer --json \'{"model": "ocr"}\' --tensor image=receipt.png',
    'echo \'{"names": ["model.*"]}\' | soma call event.list --json -',
  ],
  configure: (command) =>
    void command
      .argument('<name>', 'a system call, as `soma calls` lists them')
      .argument('[input]', 'the same as --json')
      .option('--json <input>', 'the input: JSON, @file, or - for standard input')
      .option('--tensor <name=file>', 'add a tensor from a file: .npy arrays as they are, others as bytes; repeatable', collect),
  candidates: ['calls'],
  async run(ctx, { args: [name, positional], options }) {
    if (!isCallName(name)) throw unknownCall(name)
    const written = options.json ?? positional
    const input = await buildInput(ctx, name, { json: written, tensors: options.tensor ?? [] })
    await make(ctx, await ctx.connect(), name, input)
  },
})

function unknownCall(name: string): SomaError {
  const [noun = ''] = name.split('.')
  const alike = callNames.filter((one) => one.startsWith(`${noun}.`))
  const hint = alike.length > 0 ? `; of ${noun} there are ${alike.join(', ')}` : ''
  return new SomaError('call/unknown', `there is no system call "${name}"${hint}`, { details: { name, alike } })
}

async function buildInput(
  ctx: CommandContext,
  name: CallName,
  written: { json: string | undefined; tensors: readonly string[] },
): Promise<object> {
  const input = written.json === undefined ? {} : await readJson(written.json, ctx.io.stdin)
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new SomaError('call/invalid-input', `the input of ${name} is a JSON object, such as {}`)
  if (written.tensors.length === 0) return input
  const field = tensorField(name)
  if (field === undefined) throw new SomaError('call/invalid-input', `${name} takes no tensors`)
  const tensors = await Promise.all(
    written.tensors.map(async (text) => {
      const { name, value } = splitAssignment(text)
      return await fileTensor(value, ctx.io.stdin, { name, signature: null })
    }),
  )
  const already: unknown = (input as Record<string, unknown>)[field]
  return { ...input, [field]: [...(Array.isArray(already) ? already : []), ...tensors] }
}

/** Prints the output as a document; events before it as one line each. */
async function make({ terminal, signal }: CommandContext, client: Client, name: CallName, input: object): Promise<void> {
  // The daemon checks the input against the call's schema, and says what is wrong better than we could here.
  if (callDefinition(name).events === undefined) {
    terminal.json(toDocument(await client.call(name as UnaryCallName, input, { signal })))
    return
  }
  const stream = client.stream(name as StreamingCallName, input, { signal })
  for await (const event of stream) terminal.text(`${printableJson(toDocument(event))}\n`)
  terminal.text(`${printableJson(toDocument(await stream.output))}\n`)
}
