import { defined } from '@soma/core'
import type { EngineContext, Signature, Tensor } from '@soma/spec'
import { floats, readSound, soundInputs } from './inputs.ts'
import { SPEECH_SAMPLE_RATE } from './limits.ts'
import { type RunDeps, SpeechModel } from './run.ts'
import type { Detector } from './vad.ts'

/** Says when somebody speaks. */
export class DetectorModel extends SpeechModel {
  readonly signature: Signature = {
    inputs: soundInputs,
    outputs: [
      { name: 'start', dtype: 'float32', shape: [-1], description: 'Seconds at which each stretch of speech begins.' },
      { name: 'end', dtype: 'float32', shape: [-1], description: 'Seconds at which each stretch of speech ends.' },
    ],
  }
  #detector: Detector | undefined

  constructor(deps: RunDeps, detector: Detector) {
    super(deps)
    this.#detector = detector
  }

  protected async tensors(inputs: readonly Tensor[], ctx: EngineContext): Promise<readonly Tensor[]> {
    using _turn = await this.turn(ctx)
    const samples = await readSound(inputs, ctx.signal)
    const detector = defined(this.#detector, 'the model is loaded')
    const [starts, ends]: [number[], number[]] = [[], []]
    for await (const { start, end } of detector.speech(samples, ctx.signal)) {
      starts.push(start / SPEECH_SAMPLE_RATE)
      ends.push(end / SPEECH_SAMPLE_RATE)
    }
    return [floats('start', starts), floats('end', ends)]
  }

  protected drop(): void {
    this.#detector = undefined
  }
}
