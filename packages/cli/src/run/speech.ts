import { writeFile } from 'node:fs/promises'
import { SomaError } from '@soma/core'
import { type Tensor, decodeValues } from '@soma/spec'
import type { Client, CommandContext } from '../command.ts'
import { readInput } from '../input/read.ts'
import { inline } from '../output/text.ts'
import { formatDuration } from '../output/units.ts'
import { formatTimings } from './answer.ts'
import { type RunOptions, numberOf, urgencyOf } from './options.ts'

/** Writes down what is said in each recording, stretch by stretch. */
export async function transcribe(
  ctx: CommandContext,
  client: Client,
  { model, files, options }: { model: string; files: readonly string[]; options: RunOptions },
): Promise<void> {
  for (const file of files) {
    const audio = await readInput(file, ctx.io.stdin)
    const { language } = options
    const request = { model, audio, ...(language !== undefined && { language }), ...urgencyOf(options) }
    const stream = client.stream('model.transcribe', request, { signal: ctx.signal })
    const isJson = ctx.globals.json === true
    if (files.length > 1 && !isJson) ctx.terminal.line(ctx.terminal.paint.bold(inline(file)))
    for await (const { segment } of stream)
      if (!isJson) ctx.terminal.line(`${ctx.terminal.paint.dim(position(segment.startSeconds))}  ${inline(segment.text.trim())}`)
    const output = await stream.output
    if (isJson) ctx.terminal.json(output)
    else
      ctx.terminal.note(
        ctx.terminal.stderrPaint.dim(`${formatDuration(output.durationSeconds * 1000)} of sound, ${formatTimings(output.timings)}`),
      )
  }
}

/** `01:23.4`. */
function position(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  return `${String(minutes).padStart(2, '0')}:${(seconds - minutes * 60).toFixed(1).padStart(4, '0')}`
}

/** Speaks a text into a WAV file. */
export async function speak(
  ctx: CommandContext,
  client: Client,
  { model, text, options }: { model: string; text: string; options: RunOptions },
): Promise<void> {
  const { output: path, voice, speed } = options
  if (path === undefined) throw new SomaError('call/invalid-input', `${model} speaks: say where to with --output <file>.wav`)
  const request = {
    model,
    text,
    ...(voice !== undefined && { voice }),
    ...(speed !== undefined && { speed: numberOf('speed', speed) }),
    ...urgencyOf(options),
  }
  const stream = client.stream('model.synthesize', request, { signal: ctx.signal })
  const pieces: Tensor[] = []
  for await (const { samples } of stream) pieces.push(samples)
  const output = await stream.output
  try {
    await writeFile(path, wavOf(pieces, output.sampleRate), { flag: 'wx' })
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new SomaError(isThere ? 'file/exists' : 'file/unwritable', `${path} was not written: ${(cause as Error).message}`, {
      cause,
      details: { path },
    })
  }
  ctx.show({ ...output, path }, ({ durationSeconds }) => [`wrote ${formatDuration(durationSeconds * 1000)} of speech to ${path}`])
}

/** 16-bit PCM, mono, with the header that every player reads. */
function wavOf(pieces: readonly Tensor[], sampleRate: number): Buffer {
  const samples = pieces.flatMap(({ dtype, data }) => decodeValues(dtype, data).map(Number))
  const wav = Buffer.alloc(44 + samples.length * 2)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + samples.length * 2, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(sampleRate, 24)
  wav.writeUInt32LE(sampleRate * 2, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(samples.length * 2, 40)
  for (const [index, sample] of samples.entries()) wav.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), 44 + index * 2)
  return wav
}
