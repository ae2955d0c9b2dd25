import { SomaError, isSomaError } from '@soma/core'
import type { CallOutput } from '@soma/spec'
import { type Client, type CommandContext, defineCommand } from '../command.ts'
import { readInput } from '../input/read.ts'
import { answer } from '../run/answer.ts'
import { isFileName, messageOf, readAttachment } from '../run/attach.ts'
import { type RunOptions, configureRun, samplingOf } from '../run/options.ts'

interface Run {
  readonly model: string
  readonly words: readonly string[]
  readonly options: RunOptions
}

type Abilities = Pick<CallOutput<'model.load'>, 'methods' | 'signature'>

export const command = defineCommand<[model: string, words: readonly string[]], RunOptions>({
  examples: [
    'soma run tiny "What is the capital of France?"',
    'soma run tiny',
    'cat notes.txt | soma run tiny "Say this in one sentence:" -',
    'soma run ocr receipt.png',
    'soma run sentiment "A good film" review.txt',
    'soma run vad --input input=@frame.npy --input sr=16000',
    'soma run whisper interview.wav --json',
    'soma run piper "Good morning" --output morning.wav',
  ],
  notes: [
    'What a model can do decides what the words are: something to say to it, texts, or files. To a model of texts, a word that is no file is one; to one that answers, a word that names a file is what --file makes of it.',
    'Without words, and at a terminal, a model of text begins a conversation; /help there says more.',
  ],
  optionCandidates: { '--priority': 'priorities' },
  configure: configureRun,
  candidates: ['models', 'files'],
  startsDaemon: true,
  async run(ctx, { args: [model, words], options }) {
    const client = await ctx.connect()
    const run = { model, words, options }
    if (options.prompt !== undefined) return await complete(ctx, client, run)
    const abilities = await findAbilities(client, run, ctx.signal)
    const can = (method: Abilities['methods'][number]): boolean => abilities?.methods.includes(method) ?? false
    const { runTensors } = await import('../run/tensors.ts')
    const tensors = { model, words, options, signature: abilities?.signature ?? null }
    if (options.input !== undefined) return await runTensors(ctx, client, tensors)
    if (can('generate')) return await generate(ctx, client, run)
    if (can('transcribe'))
      return await (await import('../run/speech.ts')).transcribe(ctx, client, { model, files: something(run), options })
    if (can('synthesize')) return await speak(ctx, client, run)
    if (can('embed')) return await (await import('../run/embed.ts')).embed(ctx, client, { model, texts: something(run), options })
    await runTensors(ctx, client, { ...tensors, words: something(run) })
  },
})

/** Undefined to the caller who may invoke the model but not load it: then it is one of tensors, with the usual names. */
async function findAbilities(client: Client, { model }: Run, signal: AbortSignal): Promise<Abilities | undefined> {
  try {
    return await client.call('model.load', { model }, { signal })
  } catch (error) {
    if (isSomaError(error, 'capability/denied')) return undefined
    throw error
  }
}

function something({ model, words }: Run): readonly string[] {
  if (words.length > 0) return words
  throw new SomaError('call/invalid-input', `give ${model} something to run on: files or texts, --input name=value, or --prompt`)
}

async function complete(ctx: CommandContext, client: Client, { model, options }: Run): Promise<void> {
  const prompt = options.prompt === '-' ? await readText(ctx) : (options.prompt ?? '')
  await answer(ctx, client, { model, prompt, ...(await samplingOf(options, ctx.io.stdin)) })
}

/** One answer, or a conversation when nothing is said and somebody is there to say it. */
async function generate(ctx: CommandContext, client: Client, { model, words, options }: Run): Promise<void> {
  const sampling = await samplingOf(options, ctx.io.stdin)
  const files = words.filter(isFileName)
  for (const path of files) ctx.terminal.note(ctx.terminal.stderrPaint.dim(`${path} goes along`))
  const attachments = await Promise.all([...(options.file ?? []), ...files].map(async (path) => await readAttachment(path)))
  const { system } = options
  if (words.length === 0 && isTerminal(ctx)) {
    const [{ Chat, chatWords }, { createLineReader }] = await Promise.all([import('../run/chat.ts'), import('../run/line-reader.ts')])
    using lines = createLineReader(ctx.io, chatWords)
    ctx.terminal.note(ctx.terminal.stderrPaint.dim(`Talking to ${model}. /help shows what else there is; Ctrl-D ends.`))
    return await new Chat(ctx, client, lines, { model, system, sampling, attachments }).run()
  }
  // Not without being told: whoever starts us with an open pipe would wait for ever.
  const isPiped = words.includes('-') || (words.length === 0 && attachments.length === 0)
  const piped = isPiped ? (await readText(ctx)).trim() : ''
  const said = [words.filter((word) => word !== '-' && !files.includes(word)).join(' '), piped].filter(Boolean).join('\n\n')
  if (said === '' && attachments.length === 0) something({ model, words, options })
  const messages = [...(system === undefined ? [] : [{ role: 'system' as const, content: system }]), messageOf(said, attachments)]
  await answer(ctx, client, { model, messages, ...sampling })
}

async function speak(ctx: CommandContext, client: Client, { model, words, options }: Run): Promise<void> {
  const text = words.length > 0 ? words.join(' ') : await readText(ctx)
  const { speak } = await import('../run/speech.ts')
  await speak(ctx, client, { model, text, options })
}

function isTerminal({ io }: CommandContext): boolean {
  return (io.stdin as { isTTY?: boolean }).isTTY === true
}

async function readText({ io }: CommandContext): Promise<string> {
  return Buffer.from(await readInput('-', io.stdin)).toString('utf8')
}
