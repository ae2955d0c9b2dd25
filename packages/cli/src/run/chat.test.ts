import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import { FakeDispatcher } from '@soma/testkit/face'
import { runCli } from '../program.ts'
import { dispatcherClient } from '../test-cli.ts'
import { takeDroppedFiles } from './attach.ts'

const folder = await mkdtemp(join(tmpdir(), 'soma-chat-'))
after(async () => await rm(folder, { recursive: true }))
const picture = join(folder, 'my cat.png')
await writeFile(picture, Buffer.from('\x89PNG\r\n\x1A\nrest', 'latin1'))

interface Request {
  readonly messages: ReadonlyArray<{ role: string; content: string; images?: readonly Uint8Array[] }>
  readonly session: string
  readonly temperature?: number
  readonly overflow?: string
}

/** A conversation at a terminal: keys go in, and what is shown comes out. */
class Typed {
  readonly requests: Request[] = []
  readonly stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined })
  readonly ended: Promise<number>
  shown = ''
  #seen = 0

  constructor(answers: (request: Request, signal: AbortSignal) => AsyncGenerator<string, void, void>) {
    const dispatcher = new FakeDispatcher()
    dispatcher.handlers.set('model.load', () => ({ methods: ['generate'], signature: { inputs: [], outputs: [] } }))
    const { requests } = this
    dispatcher.handlers.set('model.generate', async function* (request: Request, { signal }: { signal: AbortSignal }) {
      requests.push(request)
      let text = ''
      for await (const piece of answers(request, signal)) {
        text += piece
        yield { text: piece }
      }
      const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 }
      return { text, toolCalls: [], finish: 'stop', usage, timings: { queueMs: 0, loadMs: 0, runMs: 1 } }
    } as never)
    const write = (text: string): void => void (this.shown += text)
    const stream = { isTTY: true, columns: 100, write }
    const io = {
      stdin: this.stdin,
      stdout: stream,
      stderr: stream,
      env: { HOME: folder, NO_COLOR: '1' },
      signal: new AbortController().signal,
    }
    this.ended = runCli(['run', 'm'], io, { open: async () => dispatcherClient(dispatcher) })
  }

  /** Waits until a text is shown that was not waited for before. */
  async see(text: string): Promise<void> {
    while (!this.shown.includes(text, this.#seen)) await new Promise(setImmediate)
    this.#seen = this.shown.indexOf(text, this.#seen) + text.length
  }

  async type(line: string): Promise<void> {
    await this.see('>>> ')
    this.stdin.write(`${line}\r`)
  }
}

async function* echo({ messages }: Request): AsyncGenerator<string, void, void> {
  yield `you said ${messages.at(-1)?.content}`
}

describe('a conversation', () => {
  it('remembers what was said, in one session, until it is told to forget', async () => {
    const chat = new Typed(echo)
    for (const line of ['/system be kind', 'one', 'two', '/clear', '/set temperature 0', 'three', '/bye']) await chat.type(line)
    assert.equal(await chat.ended, 0)
    assert.deepEqual(
      chat.requests.map(({ messages }) => messages.map(({ content }) => content)),
      [
        ['be kind', 'one'],
        ['be kind', 'one', 'you said one', 'two'],
        ['be kind', 'three'],
      ],
    )
    assert.equal(new Set(chat.requests.map(({ session }) => session)).size, 1)
    assert.deepEqual(
      chat.requests.map(({ temperature }) => temperature),
      [undefined, undefined, 0],
    )
  })

  it('leaves out what was said first once all of it is too long, and says so', async () => {
    const chat = new Typed(async function* ({ messages, overflow }) {
      if (messages.length > 1 && overflow !== 'truncate') throw new SomaError('model/context-overflow', 'too long')
      yield 'fine'
    })
    for (const line of ['one', 'two']) await chat.type(line)
    await chat.see('what was said first is left out')
    for (const line of ['three', '/bye']) await chat.type(line)
    assert.equal(await chat.ended, 0)
    assert.deepEqual(
      chat.requests.map(({ messages, overflow = 'none' }) => `${messages.length} ${overflow}`),
      ['1 none', '3 none', '3 truncate', '5 truncate'],
    )
  })

  it('goes on after Ctrl-C stopped an answer, and asks again when told to', async () => {
    const chat = new Typed(async function* ({ messages }, signal) {
      yield 'hmm '
      if (messages.length === 1 && chat.requests.length === 1)
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      yield 'done'
    })
    await chat.type('think')
    await chat.see('hmm ')
    chat.stdin.write('\u0003')
    await chat.see('stopped')
    await chat.type('/retry')
    await chat.see('hmm done')
    await chat.see('>>> ')
    // On an empty line it ends the conversation.
    chat.stdin.write('\u0003')
    assert.equal(await chat.ended, 0)
    assert.deepEqual(
      chat.requests.map(({ messages }) => messages.length),
      [1, 1],
    )
  })

  it('says a failure and goes on; an unanswered question is not sent along with the next', async () => {
    let isFirst = true
    const chat = new Typed(async function* (request) {
      if (isFirst) {
        isFirst = false
        throw new SomaError('engine/crashed', 'the engine is gone')
      }
      yield* echo(request)
    })
    await chat.type('one')
    await chat.see('the engine is gone')
    await chat.type('two')
    await chat.see('you said two')
    await chat.type('/nonsense')
    await chat.see('there is no command /nonsense')
    await chat.type('/bye')
    assert.equal(await chat.ended, 0)
    assert.deepEqual(
      chat.requests.at(-1)?.messages.map(({ content }) => content),
      ['two'],
    )
  })

  it('takes files that are dropped in, several lines between quotes, and saves itself for its user alone', async () => {
    const chat = new Typed(echo)
    const saved = join(folder, 'saved.json')
    await chat.type(`what is on ${picture.replace(' ', '\\ ')} here?`)
    await chat.type('"""first')
    await chat.see('... ')
    chat.stdin.write('second"""\r')
    await chat.type(`/save ${saved}`)
    await chat.see('wrote 4 messages')
    await chat.type(`/save ${saved}`)
    await chat.see('already;')
    await chat.type('/set heat 2')
    await chat.see('say which, of maxTokens')
    await chat.type('/set temperature 0')
    await chat.see('temperature is 0 from here on')
    await chat.type('/file')
    await chat.see('say which:')
    await chat.type('/help')
    await chat.see('/retry')
    await chat.type('/bye')
    await chat.ended
    assert.deepEqual(chat.requests[0]?.messages[0], { role: 'user', content: 'what is on here?', images: [await readFile(picture)] })
    assert.equal(chat.requests[1]?.messages.at(-1)?.content, 'first\nsecond')
    assert.deepEqual((JSON.parse(await readFile(saved, 'utf8')) as { messages: unknown[] }).messages.length, 4)
  })

  it('sends a paste of several lines as one question, once Enter is pressed', async () => {
    const chat = new Typed(echo)
    await chat.see('>>> ')
    chat.stdin.write('\u001B[200~first\rsecond\rthird\u001B[201~')
    await chat.see('... third')
    assert.equal(chat.requests.length, 0)
    chat.stdin.write('!\r')
    await chat.see('you said first')
    await chat.see('>>> ')
    chat.stdin.write('\u001B[200~not this\rnor this\u001B[201~\u0003')
    await chat.see('>>> ')
    // Ctrl-A goes to the beginning of the line, and Ctrl-C forgets all of it from there, too.
    chat.stdin.write('nor that\u0001\u0003')
    await chat.type('fourth')
    await chat.type('/bye')
    assert.equal(await chat.ended, 0)
    assert.deepEqual(
      chat.requests.map(({ messages }) => messages.at(-1)?.content),
      ['first\nsecond\nthird!', 'fourth'],
    )
  })

  it('loses no line where the terminal does not say that it pastes', async () => {
    const chat = new Typed(echo)
    await chat.see('>>> ')
    chat.stdin.write('"""first\rsecond\rthird"""\rfourth\r')
    await chat.see('you said fourth')
    await chat.type('/bye')
    assert.equal(await chat.ended, 0)
    assert.deepEqual(
      chat.requests.map(({ messages }) => messages.at(-1)?.content),
      ['first\nsecond\nthird', 'fourth'],
    )
  })

  it('knows paths by how terminals type them', () => {
    const all = (line: string): unknown => takeDroppedFiles(line, (path) => path.endsWith('.png'))
    assert.deepEqual(all('see \'/a b/c.png\' and "/d.png" or /not/there or file:///e.png'), {
      said: 'see and or /not/there or',
      paths: ['/a b/c.png', '/d.png', '/e.png'],
    })
    assert.deepEqual(all('1/2.png is no path'), { said: '1/2.png is no path', paths: [] })
  })
})
