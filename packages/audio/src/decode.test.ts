import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { before, test } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { type Audio, decodeAudio } from './decode.ts'
import { encodeWav } from './encode-wav.ts'
import { SAMPLES_MAX } from './limits.ts'
import { flacBomb } from './test-flac.ts'
import { writeTestWav } from './test-wav.ts'

/** Half a second of two tones, 440 Hz on the left and 880 Hz on the right, at 16 kHz and half of full scale. */
const names = ['tone.flac', 'tone.oga', 'tone.mp3', 'tone.ogg', 'tone.opus'] as const
const files = new Map<string, Uint8Array>()
before(async () => {
  for (const name of names) files.set(name, await readFile(new URL(`fixtures/${name}`, import.meta.url)))
  files.set('tone.wav', encodeWav(tones(16_000), 16_000))
})

function tones(sampleRate: number): Float32Array {
  const at = (index: number, hz: number): number => 0.25 * Math.sin((2 * Math.PI * hz * index) / sampleRate)
  return Float32Array.from({ length: sampleRate / 2 }, (_, index) => at(index, 440) + at(index, 880))
}

/** How much of a tone is in the middle of a recording, whatever its phase. */
function amplitude({ samples, sampleRate }: Audio, hz: number): number {
  const middle = samples.subarray(sampleRate * 0.15, sampleRate * 0.45)
  const step = (2 * Math.PI * hz) / sampleRate
  const re = middle.reduce((sum, sample, index) => sum + sample * Math.cos(step * index), 0)
  const im = middle.reduce((sum, sample, index) => sum + sample * Math.sin(step * index), 0)
  return (2 * Math.hypot(re, im)) / middle.length
}

for (const name of ['tone.wav', ...names])
  test(`${name}: both channels are in the mix, at their own pitch and loudness, and nothing else`, async () => {
    const audio = await decodeAudio(files.get(name)!)
    assert.equal(audio.sampleRate, name === 'tone.opus' ? 48_000 : 16_000)
    const seconds = audio.samples.length / audio.sampleRate
    // MP3 has no place for the length: what fills up its first and last frames stays.
    assert.ok(Math.abs(seconds - 0.5) < (name === 'tone.mp3' ? 0.08 : 1e-9), `${seconds} s`)
    for (const [hz, expected] of [
      [440, 0.25],
      [880, 0.25],
      [1500, 0],
    ] as const)
      assert.ok(Math.abs(amplitude(audio, hz) - expected) < 0.015, `${hz} Hz: ${amplitude(audio, hz)}`)
  })

test('resampling while decoding keeps pitch, loudness and length', async () => {
  for (const [name, file] of files) {
    const audio = await decodeAudio(file, { sampleRate: 22_050 })
    assert.equal(audio.sampleRate, 22_050)
    if (name !== 'tone.mp3') assert.equal(audio.samples.length, 11_025)
    assert.ok(Math.abs(amplitude(audio, 440) - 0.25) < 0.015, name)
  }
})

test('every sample format of WAV says the same', async () => {
  const wave = [0, 0.5, -0.5, 0.25, -1]
  for (const [kind, bits, tolerance] of [
    [1, 8, 1 / 128],
    [1, 16, 0],
    [1, 24, 0],
    [1, 32, 0],
    [3, 32, 0],
    [3, 64, 0],
    [6, 8, 0.02],
    [7, 8, 0.02],
  ] as const) {
    const { samples } = await decodeAudio(writeTestWav({ kind, bits, samples: wave }))
    assert.equal(samples.length, wave.length)
    for (const [index, sample] of samples.entries())
      assert.ok(Math.abs(sample - wave[index]!) <= tolerance, `${kind}/${bits}: ${sample} for ${wave[index]}`)
  }
})

test('a WAV file whose writer did not know the length is read to its end', async () => {
  const bytes = encodeWav(new Float32Array(100).fill(0.5), 8000)
  new DataView(bytes.buffer).setUint32(40, 0xffff_ffff, true)
  assert.equal((await decodeAudio(bytes)).samples.length, 100)
})

test('what is no number in a float file is silence, and what is too loud is clipped', async () => {
  const { samples } = await decodeAudio(writeTestWav({ kind: 3, bits: 32, samples: [NaN, Infinity, -2, 0.5] }))
  assert.deepEqual([...samples], [0, 1, -1, 0.5])
})

test('a WAV file that was written is read back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: -0x8000, max: 0x7fff }), { minLength: 1 }), async (values) => {
      const samples = Float32Array.from(values, (value) => value / 0x8000)
      assert.deepEqual(await decodeAudio(encodeWav(samples, 16_000)), { samples, sampleRate: 16_000 })
    }),
  )
})

const unreadable = (error: unknown): boolean => isSomaError(error, 'model/unreadable-input')

test('what is no sound, or of a format that is not read, is refused with what it is', async () => {
  const of = (text: string): Uint8Array => Buffer.from(text, 'latin1')
  for (const [bytes, why] of [
    [of(''), /no bytes/],
    [of('hello'), /no known format/],
    [of('\0\0\0\x18ftypM4A '), /MP4 or M4A/],
    [of('RIFF\0\0\0\0WAVE'), /without sound/],
    [encodeWav(new Float32Array(0), 16_000), /no sound in it/],
    [encodeWav(new Float32Array(9), 16_000).subarray(0, 50), /cut short: 6 of 18 bytes/],
    [writeTestWav({ kind: 1, bits: 12, samples: [0] }), /format 1, 12 bits/],
    [writeTestWav({ kind: 1, bits: 16, samples: [0], sampleRate: 3 }), /3 samples a second/],
    [writeTestWav({ kind: 1, bits: 8, samples: Array<number>(33).fill(0), channels: 33 }), /33 channels/],
  ] as const)
    await assert.rejects(decodeAudio(bytes), (error) => unreadable(error) && why.test(String(error)), String(why))
})

test('a file cut short is refused, not half read; of MP3, whose frames stand alone, the frames that are there are sound', async () => {
  for (const [name, file] of files) {
    if (name === 'tone.mp3') continue
    await assert.rejects(decodeAudio(file.subarray(0, file.byteLength * 0.7)), unreadable, name)
  }
})

test('noise, alone or behind a good beginning, is sound or a typed error, never a crash or a hang', async () => {
  const originals = [...files.values()]
  // Decoders write what they stumble over to the console.
  const { error: log } = console
  console.error = () => undefined
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(originals.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom('overwrite', 'cut'),
        async (index, noise, place, how) => {
          const original = originals[index]!
          const at = Math.floor(place * original.byteLength)
          const bytes = how === 'cut' ? Buffer.concat([original.subarray(0, at), noise]) : Uint8Array.from(original)
          if (how === 'overwrite') bytes.set(noise.subarray(0, bytes.byteLength - at), at)
          const outcome = await decodeAudio(bytes).catch((error: unknown) => error)
          if (outcome instanceof Error) return assert.ok(unreadable(outcome), String(outcome.stack))
          assert.ok((outcome as Audio).samples.every((sample) => sample >= -1 && sample <= 1))
        },
      ),
      { numRuns: 250 },
    )
  } finally {
    console.error = log
  }
})

test('a small file that would decode to hours is refused before it fills memory', async () => {
  const before = process.memoryUsage.rss()
  const bomb = flacBomb({ frames: 80, channels: 8 })
  assert.ok(bomb.byteLength < 4096)
  const { samples } = await decodeAudio(bomb, { sampleRate: 4000 })
  assert.equal(samples.length, Math.ceil((80 * 65_535 * 4000) / 44_100))
  const grown = process.memoryUsage.rss() - before
  assert.ok(grown < 500e6, `${grown} bytes for what decodes to ${80 * 65_535 * 8 * 4}`)
  assert.ok(SAMPLES_MAX * 4 < 1e9)
})

test('a cancelled decoding ends', async () => {
  const abort = new AbortController()
  const decoding = decodeAudio(encodeWav(new Float32Array(1_000_000), 16_000), { signal: abort.signal })
  abort.abort()
  await assert.rejects(decoding, (error) => isSomaError(error, 'call/cancelled'))
})
