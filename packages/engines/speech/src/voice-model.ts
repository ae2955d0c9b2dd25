import { defined } from '@soma/core'
import type { EngineContext, Signature, SynthesizeEvent, SynthesizeRequest, SynthesizeResult, Tensor } from '@soma/spec'
import { mismatch } from './errors.ts'
import { floats, numberOf, textOf } from './inputs.ts'
import { type RunDeps, SpeechModel } from './run.ts'
import type { Voice } from './voice.ts'

/** Says what is written. */
export class VoiceModel extends SpeechModel {
  readonly signature: Signature = {
    inputs: [
      { name: 'text', dtype: 'string', shape: [1], description: 'What to say.' },
      { name: 'voice', dtype: 'string', shape: [1], optional: true, description: 'One of the model’s voices, by name or number.' },
      {
        name: 'speed',
        dtype: 'float32',
        shape: [1],
        optional: true,
        finite: true,
        description: '1 is the model’s own; 2 is twice as fast.',
      },
    ],
    outputs: [
      { name: 'samples', dtype: 'float32', shape: [-1], description: 'Mono sound, from -1 to 1.' },
      { name: 'sample_rate', dtype: 'int32', shape: [1], description: 'Hertz.' },
    ],
  }
  #voice: Voice | undefined

  constructor(deps: RunDeps, voice: Voice) {
    super(deps)
    this.#voice = voice
  }

  async *synthesize(request: SynthesizeRequest, ctx: EngineContext): AsyncGenerator<SynthesizeEvent, SynthesizeResult, void> {
    using turn = await this.turn(ctx)
    const voice = defined(this.#voice, 'the model is loaded')
    const { sampleRate } = voice
    let length = 0
    for await (const samples of voice.speak(request.text, request, { turn, signal: ctx.signal })) {
      length += samples.length
      yield { samples: floats('samples', samples), sampleRate }
    }
    return { sampleRate, durationSeconds: length / sampleRate }
  }

  protected async tensors(inputs: readonly Tensor[], ctx: EngineContext): Promise<readonly Tensor[]> {
    const speed = numberOf(inputs, 'speed') ?? 1
    if (speed < 0.25 || speed > 4) throw mismatch('speed', '0.25 to 4', String(speed))
    using turn = await this.turn(ctx)
    const voice = defined(this.#voice, 'the model is loaded')
    const { sampleRate } = voice
    const pieces: Float32Array[] = []
    for await (const samples of voice.speak(
      textOf(inputs, 'text') ?? '',
      { voice: textOf(inputs, 'voice'), speed },
      { turn, signal: ctx.signal },
    ))
      pieces.push(samples)
    const rate = new Uint8Array(Int32Array.of(sampleRate).buffer)
    return [floats('samples', joined(pieces)), { name: 'sample_rate', dtype: 'int32', shape: [1], data: rate }]
  }

  protected drop(): void {
    this.#voice = undefined
  }
}

function joined(pieces: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
