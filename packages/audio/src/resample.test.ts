import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createResampler, resample } from './resample.ts'

const sine = (length: number, hz: number, rate: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => Math.sin((2 * Math.PI * hz * index) / rate))
const rate = fc.constantFrom(8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)

test('what both rates can carry comes out as if it had been sampled so, undelayed, 70 dB clean', () => {
  for (const [from, to] of [
    [44_100, 16_000],
    [48_000, 16_000],
    [8000, 16_000],
    [16_000, 22_050],
    [22_050, 48_000],
  ] as const) {
    const hz = Math.min(from, to) * 0.4
    const output = resample(sine(from, hz, from), from, to)
    const expected = sine(to, hz, to)
    const middle = [...output.keys()].slice(to * 0.1, to * 0.9)
    const noise = middle.reduce((sum, at) => sum + (output[at]! - expected[at]!) ** 2, 0) / middle.length
    assert.ok(10 * Math.log10(0.5 / noise) > 70, `${from} to ${to}: ${10 * Math.log10(0.5 / noise)} dB`)
  }
})

test('what the lower rate cannot carry is silent afterwards, not folded down', () => {
  const output = resample(sine(44_100, 12_000, 44_100), 44_100, 16_000)
  assert.ok(Math.max(...output.subarray(1600, -1600).map(Math.abs)) < 3e-4)
})

test('the length is what the rates say, and a constant stays what it is', () => {
  fc.assert(
    fc.property(rate, rate, fc.integer({ min: 1, max: 5000 }), (from, to, length) => {
      const output = resample(new Float32Array(length).fill(0.5), from, to)
      assert.equal(output.length, Math.ceil((length * to) / from))
      const edge = Math.ceil(30 * Math.max(1, to / from))
      for (const sample of output.subarray(edge, -edge)) assert.ok(Math.abs(sample - 0.5) < 1e-5)
    }),
  )
})

test('pieces give what the whole gives, however it is cut', () => {
  fc.assert(
    fc.property(rate, rate, fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 8 }), (from, to, lengths) => {
      const whole = sine(
        lengths.reduce((sum, length) => sum + length, 0),
        1000,
        from,
      )
      if (from === to) return
      const resampler = createResampler(from, to)
      let at = 0
      const pieces = lengths.map((length) => [...resampler.push(whole.subarray(at, (at += length)))])
      assert.deepEqual([...pieces.flat(), ...resampler.end()], [...resample(whole, from, to)])
    }),
  )
})

test('rates without a common measure are near enough', () => {
  const output = resample(sine(44_101, 440, 44_101), 44_101, 47_999)
  const expected = sine(47_999, 440, 47_999)
  assert.equal(output.length, 47_999)
  for (let at = 5000; at < 40_000; at++) assert.ok(Math.abs(output[at]! - expected[at]!) < 1e-4, String(at))
})
