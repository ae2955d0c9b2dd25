import { writeFile } from 'node:fs/promises'
import { SomaError, isSomaError, toSomaError } from '@soma/core'
import type { Client, CommandContext } from '../command.ts'
import { formatError } from '../output/errors.ts'
import { plural } from '../output/units.ts'
import { answer } from './answer.ts'
import { type Attachment, type Message, messageOf, readAttachment, takeDroppedFiles } from './attach.ts'
import type { LineReader } from './line-reader.ts'
import { type Sampling, isNumericOption, numberOf, numericOptions } from './options.ts'

/** What a line that begins with a slash does. */
interface Command {
  readonly usage: string
  readonly summary: string
  /** @returns whether the conversation is over. */
  run(chat: Chat, argument: string): Promise<boolean | void> | boolean | void
}

const commands: Readonly<Record<string, Command>> = {
  help: { usage: '/help', summary: 'show this', run: (chat) => chat.help() },
  clear: { usage: '/clear', summary: 'forget the conversation', run: (chat) => chat.clear() },
  system: { usage: '/system <text>', summary: 'tell the model what it is; without text, nothing', run: (chat, text) => chat.tell(text) },
  set: {
    usage: '/set <option> <number>',
    summary: 'temperature, topP, topK, seed or maxTokens; without a number, as it was',
    run: (chat, text) => chat.set(text),
  },
  file: { usage: '/file <path>', summary: 'add a text or a picture to what you say next', run: (chat, path) => chat.attach(path) },
  retry: { usage: '/retry', summary: 'answer the last question again', run: (chat) => chat.retry() },
  save: { usage: '/save <path>', summary: 'write the conversation to a file, as JSON', run: (chat, path) => chat.save(path) },
  bye: { usage: '/bye', summary: 'end; so do Ctrl-D, and Ctrl-C on an empty line', run: () => true },
}
/** What the tab key completes. */
export const chatWords = Object.keys(commands).map((name) => `/${name}`)

const PROMPT = '>>> '
const MORE = '... '
const QUOTES = '"""'

export interface ChatOptions {
  readonly model: string
  readonly system?: string | undefined
  readonly sampling: Sampling
  /** What is said first, before anybody is asked. */
  readonly attachments?: readonly Attachment[]
}

/** A conversation with a model, line by line. It is nowhere but in this process. */
export class Chat {
  readonly #ctx: CommandContext
  readonly #client: Client
  readonly #lines: LineReader
  readonly #model: string
  #sampling: Sampling
  #system: string | undefined
  #messages: Message[] = []
  #attachments: Attachment[]

  constructor(ctx: CommandContext, client: Client, lines: LineReader, { model, system, sampling, attachments = [] }: ChatOptions) {
    this.#ctx = ctx
    this.#client = client
    this.#lines = lines
    this.#model = model
    this.#system = system
    // One session: what was said so far need not be worked through again for each answer.
    this.#sampling = { session: `chat-${crypto.randomUUID()}`, priority: 'interactive', ...sampling }
    this.#attachments = [...attachments]
  }

  /** Until the user ends it. A failure is said and does not end it. */
  async run(): Promise<void> {
    for (;;) {
      const line = await this.#read()
      if (line === undefined) return
      try {
        if (await this.#take(line)) return
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  help(): void {
    const width = Math.max(...Object.values(commands).map(({ usage }) => usage.length))
    for (const { usage, summary } of Object.values(commands)) this.#note(`${usage.padEnd(width)}  ${summary}`)
    this.#note(
      `Files dropped into the terminal go along. Several pasted lines are sent by Enter, and ${QUOTES} begins and ends several lines. Ctrl-C stops an answer.`,
    )
  }

  clear(): void {
    this.#messages = []
    this.#attachments = []
    this.#note('forgot the conversation')
  }

  tell(text: string): void {
    this.#system = text === '' ? undefined : text
    this.#note(text === '' ? 'the model is told nothing from here on' : 'the model is told this from here on')
  }

  set(text: string): void {
    const [name = '', value = ''] = text.split(/\s+/)
    if (!isNumericOption(name))
      throw new SomaError('call/invalid-input', `say which, of ${numericOptions.join(', ')}: /set <option> <number>`)
    const { [name]: _before, ...rest } = this.#sampling
    this.#sampling = value === '' ? rest : { ...rest, [name]: numberOf(name, value) }
    this.#note(`${name} is ${value === '' ? 'as it was' : value} from here on`)
  }

  async attach(path: string): Promise<void> {
    if (path === '') throw new SomaError('call/invalid-input', 'say which: /file <path>')
    const file = await readAttachment(path)
    this.#attachments.push(file)
    this.#note(`${'image' in file ? 'picture' : 'text'} ${file.name} goes with what you say next`)
  }

  async save(path: string): Promise<void> {
    if (path === '') throw new SomaError('call/invalid-input', 'say where to: /save <path>')
    const messages = this.#conversation().map(({ role, content, toolCalls }) => ({ role, content, toolCalls }))
    const document = `${JSON.stringify({ model: this.#model, messages }, null, 2)}\n`
    try {
      await writeFile(path, document, { flag: 'wx', mode: 0o600 })
    } catch (cause) {
      const why =
        (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'that file is there already; choose another name' : (cause as Error).message
      throw new SomaError('file/unwritable', `the conversation was not saved to ${path}: ${why}`, { cause, details: { path } })
    }
    this.#note(`wrote ${plural(this.#messages.length, 'message')} to ${path}`)
  }

  async retry(): Promise<void> {
    const asked = this.#messages.findLastIndex(({ role }) => role === 'user')
    if (asked < 0) throw new SomaError('call/invalid-input', 'nothing was asked yet')
    this.#messages = this.#messages.slice(0, asked + 1)
    await this.#answer()
  }

  /** One line, or several between quotes. */
  async #read(): Promise<string | undefined> {
    const first = await this.#lines.ask(PROMPT)
    if (first === undefined || !first.trimStart().startsWith(QUOTES)) return first
    let text = first.trimStart().slice(QUOTES.length)
    while (!text.trimEnd().endsWith(QUOTES)) {
      const line = await this.#lines.ask(MORE)
      if (line === undefined) return undefined
      text += `\n${line}`
    }
    return text.trimEnd().slice(0, -QUOTES.length).trim()
  }

  async #take(line: string): Promise<boolean> {
    const [, name, argument = ''] = /^\/([a-z]+)(?:\s+(.*))?$/.exec(line.trim()) ?? []
    const command = name === undefined ? undefined : commands[name]
    if (command) return (await command.run(this, argument.trim())) === true
    if (name !== undefined) throw new SomaError('call/invalid-input', `there is no command /${name}; /help lists them`)
    const { said, paths } = takeDroppedFiles(line)
    for (const path of paths) await this.attach(path)
    if (said !== '') await this.#say(said)
    return false
  }

  async #say(text: string): Promise<void> {
    // A question without an answer would be answered along with this one.
    if (this.#messages.at(-1)?.role === 'user') this.#messages.pop()
    this.#messages.push(messageOf(text, this.#attachments))
    this.#attachments = []
    await this.#answer()
  }

  /** A conversation outlives its beginning: unless it was told otherwise, that is left out once all of it is too long. */
  async #answer(): Promise<void> {
    try {
      await this.#ask()
    } catch (error) {
      if (!isSomaError(error, 'model/context-overflow') || this.#sampling.overflow !== undefined) throw error
      this.#note('All of it is longer than the model’s context: what was said first is left out from here on. /clear begins anew.')
      this.#sampling = { ...this.#sampling, overflow: 'truncate' }
      await this.#ask()
    }
  }

  /** What was asked stays asked when the answer fails or is stopped: /retry asks again. */
  async #ask(): Promise<void> {
    const request = { ...this.#sampling, model: this.#model, messages: this.#conversation() }
    await this.#lines.during(async (signal) => {
      try {
        const { text, toolCalls } = await answer(this.#ctx, this.#client, request, signal)
        this.#messages.push({ role: 'assistant', content: text, ...(toolCalls.length > 0 && { toolCalls }) })
      } catch (error) {
        if (!isSomaError(error, 'call/cancelled') || this.#ctx.signal.aborted) throw error
        this.#ctx.terminal.line()
        this.#note('stopped; /retry asks again')
      }
    })
  }

  #conversation(): Message[] {
    return this.#system === undefined ? this.#messages : [{ role: 'system', content: this.#system }, ...this.#messages]
  }

  #fail(error: unknown): void {
    if (this.#ctx.signal.aborted) throw error
    this.#ctx.terminal.note(formatError(toSomaError(error), this.#ctx.terminal))
  }

  #note(text: string): void {
    this.#ctx.terminal.note(this.#ctx.terminal.stderrPaint.dim(text))
  }
}
