import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { describe, test } from 'node:test'
import type { InstallEvent } from '@soma/spec'
import fc from 'fast-check'
import { createTerminal } from '../terminal.ts'
import { formatBar } from './bar.ts'
import { createPaint } from './color.ts'
import { InstallProgress, type ProgressOptions } from './install-progress.ts'
import { RateMeter } from './rate.ts'
import { formatTable } from './table.ts'
import { displayWidth, inline, pad, printable, printableJson, shortRevisions, truncate, wrap } from './text.ts'
import { Transfer } from './transfer.ts'
import { formatBytes, formatDuration, formatLarge, plural } from './units.ts'

const plain = createPaint(false)

test('sizes, durations and counts read as people say them', () => {
  assert.deepEqual([0, 999, 1000, 4_745_517, 999_999, 123_456_789, 2.5e12].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '4.7 MB',
    '1.0 MB',
    '123 MB',
    '2.5 TB',
  ])
  assert.deepEqual([0, 0.44, 12, 2340, 9_970, 42_000, 59_700, 250_000, 3_600_000, 11_520_000, 439_200_000].map(formatDuration), [
    '0 ms',
    '0.4 ms',
    '12 ms',
    '2.3 s',
    '10 s',
    '42 s',
    '59 s',
    '4 min 10 s',
    '1 h',
    '3 h 12 min',
    '5 d 2 h',
  ])
  assert.deepEqual([0, 999, 1_234, 22_713_728, 7_241_732_096, 671e9].map(formatLarge), ['0', '999', '1.2 k', '22.7 M', '7.2 B', '671 B'])
  assert.deepEqual([plural(1, 'file'), plural(1204, 'file')], ['1 file', '1,204 files'])
})

describe('text', () => {
  test('names commits and digests by their beginnings, and nothing else', () => {
    const commit = '86b5e0934494bd15c9632b12f734a8a67f723594'
    assert.equal(shortRevisions(`hf/a/b@${commit}:onnx`), 'hf/a/b@86b5e0934494:onnx')
    assert.equal(shortRevisions(`sha256:${'ab'.repeat(32)}`), 'sha256:abababababab')
    for (const text of ['1.4.2', '86b5e09', 'x'.repeat(50), `model${commit}`, '']) assert.equal(shortRevisions(text), text)
  })

  test('is wrapped between words, and never loses one (seeded)', () => {
    assert.deepEqual(wrap('a  model\nthat reads pictures', 12), ['a model that', 'reads', 'pictures'])
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,8}$/)), fc.integer({ min: 8, max: 30 }), (words, width) => {
        const lines = wrap(words.join(' '), width)
        assert.ok(lines.every((line) => displayWidth(line) <= width))
        assert.deepEqual(lines.join(' '), words.join(' '))
      }),
    )
  })

  test('of any kind is cut and filled to the width it is given (seeded)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, width) => {
        const clean = inline(text)
        assert.ok(displayWidth(truncate(clean, width)) <= width)
        assert.equal(displayWidth(pad(truncate(clean, width), width)), width)
      }),
    )
  })

  test('counts Chinese characters and emoji as two columns, accents and colours as none', () => {
    assert.deepEqual(['abc', '漢字', 'e\u0301', '🎉', '\u001B[31mred\u001B[39m', 'ｗ'].map(displayWidth), [3, 4, 1, 2, 3, 2])
  })

  test('never carries control characters, whatever comes (seeded)', () => {
    // eslint-disable-next-line no-control-regex -- that is the point
    const control = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E]/
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.doesNotMatch(printable(text), control)))
    assert.equal(printable('a\u001B]0;title\u0007\u202E'), 'a\\x1b]0;title\\x07\\x202e')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = printableJson({ text }, 2)
        assert.doesNotMatch(json, control)
        assert.equal(printable(json), json, 'so that it stays JSON on its way to the terminal')
        assert.deepEqual(JSON.parse(json), { text })
      }),
    )
    assert.equal(printable('\u001B[31mred\u001B[2J', true), '\u001B[31mred\\x1b[2J')
    assert.equal(inline('a\nb\tc'), 'a\\nb c')
  })
})

test('tables align by display width and give up room where they may', () => {
  const rows = [
    { name: 'ocr', what: 'reads 漢字 and much more than fits here' },
    { name: 'a-longer-name', what: 'x' },
  ]
  const columns = [
    { title: 'name', value: (row: (typeof rows)[0]) => row.name },
    { title: 'what', value: (row: (typeof rows)[0]) => row.what, shrinks: true },
  ]
  assert.deepEqual(formatTable(rows, columns, { width: 30, paint: plain }), [
    'NAME           WHAT',
    'ocr            reads 漢字 and…',
    'a-longer-name  x',
  ])
  assert.equal(formatTable(rows, columns, { width: Infinity, paint: plain })[1], 'ocr            reads 漢字 and much more than fits here')
})

test('tables leave optional columns out before anything that is needed is cut', () => {
  const row = { id: 'hf/some/long-reference', size: '2.0 GB', licence: 'Apache-2.0', runs: 'yes' }
  const columns = [
    { title: 'id', value: ({ id }: typeof row) => id },
    { title: 'size', value: ({ size }: typeof row) => size },
    { title: 'licence', value: ({ licence }: typeof row) => licence, optional: true, shrinks: true },
    { title: 'runs', value: ({ runs }: typeof row) => runs },
  ]
  assert.equal(formatTable([row], columns, { width: 60, paint: plain })[1], 'hf/some/long-reference  2.0 GB  Apache-2.0  yes')
  assert.equal(formatTable([row], columns, { width: 46, paint: plain })[1], 'hf/some/long-reference  2.0 GB  Apache-…  yes')
  assert.equal(formatTable([row], columns, { width: 40, paint: plain })[1], 'hf/some/long-reference  2.0 GB  yes')
})

test('one name that is too long for a table sticks out of its own row', () => {
  const columns = [
    { title: 'name', value: (row: { name: string }) => row.name },
    { title: 'size', value: () => '1.0 GB' },
    { title: 'licence', value: () => 'MIT', shrinks: true, optional: true },
  ]
  const long = 'a-name-that-is-longer-than-the-whole-terminal'
  assert.deepEqual(formatTable([{ name: 'ocr' }, { name: long }], columns, { width: 40, paint: plain }), [
    'NAME                  SIZE    LICENCE',
    'ocr                   1.0 GB  MIT',
    `${long}  1.0 GB  MIT`,
  ])
  assert.deepEqual(formatTable([{ name: 'ocr' }, { name: long }], columns, { width: 17, paint: plain }), [
    'NAME      SIZE',
    'ocr       1.0 GB',
    `${long}  1.0 GB`,
  ])
})

test('one long value does not push the columns of other rows out of line', () => {
  const columns = [
    { title: 'setting', value: (row: { key: string; value: string }) => row.key },
    { title: 'value', value: (row: { key: string; value: string }) => row.value },
    { title: 'what it does', value: () => 'says what it is for', shrinks: true },
  ]
  const long = 'x'.repeat(90)
  const rows = [
    { key: 'foreground.programs', value: long },
    { key: 'log.level', value: 'info' },
  ]
  assert.deepEqual(formatTable(rows, columns, { width: 60, paint: plain }), [
    `SETTING              VALUE${' '.repeat(26)}WHAT IT…`,
    `foreground.programs  ${long}  says wh…`,
    `log.level            info${' '.repeat(27)}says wh…`,
  ])
})

describe('progress', () => {
  const download = (path: string, receivedBytes: number, sizeBytes: number | null = 1000, resumedBytes = 0): InstallEvent => ({
    type: 'download',
    path,
    receivedBytes,
    sizeBytes,
    resumedBytes,
  })

  test('rates are of this run and of the last seconds', () => {
    const meter = new RateMeter()
    assert.equal(meter.bytesPerSecond(), undefined)
    for (let second = 0; second <= 20; second++) meter.add(second * 1000, second * (second < 10 ? 100 : 1000))
    assert.equal(meter.bytesPerSecond(), 1000)
  })

  test('a transfer counts resumed bytes as there, and not as speed', () => {
    const transfer = new Transfer()
    transfer.apply({ type: 'resolved', reference: 'r', version: '1', files: 2, sizeBytes: 3000 }, 0)
    transfer.apply(download('a', 600, 1000, 500), 0)
    transfer.apply(download('a', 800, 1000, 500), 1000)
    assert.equal(transfer.total.receivedBytes, 800)
    assert.equal(transfer.bytesPerSecond, 200)
    assert.equal(transfer.remainingMs, 1000)
    transfer.apply(download('b', 0, null), 1000)
    assert.equal(transfer.total.sizeBytes, 3000)
  })

  test('a bar fits every width and never passes its end (seeded)', () => {
    fc.assert(
      fc.property(
        fc.nat(2000),
        fc.option(fc.nat(1500)),
        fc.nat(500),
        fc.integer({ min: 20, max: 200 }),
        (receivedBytes, sizeBytes, resumedBytes, width) => {
          const bar = formatBar(
            { path: 'some-file.onnx', receivedBytes, sizeBytes, resumedBytes },
            { paint: createPaint(true), width, nameWidth: 14, tail: ['1.0 MB/s', '3 s left'] },
          )
          assert.ok(displayWidth(bar) < width || displayWidth(bar) <= 24, `${displayWidth(bar)} of ${width}`)
          assert.ok(Number(/(\d+) %/.exec(bar)?.[1] ?? 0) <= 100)
        },
      ),
    )
  })

  test('a bar gives up what is worth least, and then itself, so that names stay different', () => {
    const file = { path: 'model-00007-of-00024.safetensors', receivedBytes: 1e6, sizeBytes: 3e6, resumedBytes: 5e5 }
    const at = (width: number): string =>
      formatBar(file, { paint: plain, width, nameWidth: Math.floor(width / 4), tail: ['1.0 MB/s', '2 s left'] }).trimEnd()
    assert.equal(at(100), 'model-00007-of-00024.saf…  ━━━──────   33 %  1.0 MB / 3.0 MB  1.0 MB/s  2 s left  500 kB were there')
    assert.equal(at(80), 'model-00007-of-0002…  ━━━━─────────   33 %  1.0 MB / 3.0 MB  1.0 MB/s  2 s left')
    assert.equal(at(40), 'model-00007-of…   33 %  1.0 MB / 3.0 MB')
  })

  /** Plays events a tenth of a second apart. */
  function play(events: readonly InstallEvent[], columns?: number, options: ProgressOptions = {}): string {
    let written = ''
    const stream = { isTTY: columns !== undefined, columns, write: (text: string) => (written += text) }
    let now = 0
    const progress = new InstallProgress(createTerminal({ stdout: stream, stderr: stream, env: {} }), () => now, options)
    for (const event of events) {
      progress.show(event)
      now += 100
    }
    progress.finish()
    progress.end()
    return written
  }

  const many = Array.from({ length: 31 }, (_, index) => download('model.onnx', index * 100, 3000))
  const verified: InstallEvent = { type: 'verify', path: 'model.onnx', digest: `sha256:${'a'.repeat(64)}` as never, sizeBytes: 3000 }

  test('away from a terminal is at most one line a second, with the end always', () => {
    const lines = play([...many, verified])
      .trimEnd()
      .split('\n')
    assert.equal(lines[0], 'downloading model.onnx: 0 % 0 B / 3.0 kB')
    assert.match(lines[1] ?? '', /^downloading model\.onnx: 33 % 1\.0 kB \/ 3\.0 kB {2}1\.0 kB\/s {2}2\.0 s left$/)
    assert.deepEqual(
      lines.slice(-3).map((line) => line.slice(0, 22)),
      ['downloading model.onnx', 'downloaded 3.0 kB  1.0', 'verified 1 file, 3.0 k'],
    )
    assert.ok(lines.length <= 6, lines.join('\n'))
  })

  test('on a terminal is drawn over itself and leaves only what happened', () => {
    const written = play([...many, verified], 80)
    assert.ok(written.includes('\u001B[1A\r'))
    assert.ok(written.endsWith('\u001B[32mverified\u001B[39m 1 file, 3.0 kB\n'))
    for (const line of stripVTControlCharacters(written).split(/[\r\n]+/)) assert.ok(line.length < 80, line)
  })

  test('counts the files that were checked or here already, and names each only when asked to', () => {
    const adopted: InstallEvent = { type: 'adopt', path: 'a.bin', how: 'hardlink', sizeBytes: 2000 }
    const scanned: InstallEvent = { type: 'scan', path: 'a.bin', format: 'pickle' }
    const registered: InstallEvent = { type: 'register', name: 'x' }
    const events = [adopted, { ...adopted, path: 'b.bin' }, scanned, verified, verified, registered]
    assert.deepEqual(play(events).trimEnd().split('\n'), [
      '2 files, 4.0 kB on this disk already',
      'verified 2 files, 6.0 kB',
      'registered as x',
    ])
    assert.deepEqual(play(events, undefined, { verbose: true }).trimEnd().split('\n'), [
      'a.bin: on this disk already (hardlink, 2.0 kB)',
      'b.bin: on this disk already (hardlink, 2.0 kB)',
      'checked a.bin (pickle)',
      'verified model.onnx  3.0 kB  sha256:aaaaaaaaaaaa',
      'verified model.onnx  3.0 kB  sha256:aaaaaaaaaaaa',
      'registered as x',
    ])
  })

  test('says why something is tried again, and when', () => {
    const retry: InstallEvent = { type: 'retry', path: 'a.bin', attempt: 1, delayMs: 2300, reason: 'example.org answered 503' }
    assert.equal(play([retry]), 'a.bin: example.org answered 503; retry 1 in 2.3 s\n')
    const reason = 'a.bin is not what was promised'
    assert.equal(play([{ ...retry, attempt: 2, delayMs: 0, reason }]), 'a.bin is not what was promised; retry 2\n')
  })

  test('breaks long lines between words, where the terminal would break them anywhere', () => {
    const warning: InstallEvent = { type: 'warning', message: 'No engine here loads safetensors; others do' }
    const shown = stripVTControlCharacters(play([warning], 40))
    assert.equal(shown, 'warning: No engine here loads\nsafetensors; others do\n')
  })

  test('a warning about what came follows the sum of what came', () => {
    const events: InstallEvent[] = [download('a', 1000), { type: 'warning', message: 'odd' }]
    assert.deepEqual(play(events).trimEnd().split('\n').slice(-2), ['downloaded 1.0 kB', 'warning: odd'])
  })

  test('explains a choice, and names the others', () => {
    const options = ['Q2_K', 'Q3_K_M', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'F16', 'F32']
    const choice: InstallEvent = { type: 'choice', chosen: 'Q4_K_M', reason: 'the best that fits into 8 GB', options }
    assert.equal(play([choice]), 'chose Q4_K_M: the best that fits into 8 GB (others: Q2_K, Q3_K_M, Q5_K_M, Q6_K, Q8_0, F16 and 1 more)\n')
  })

  test('of files that come side by side is summed up once, when all are there', () => {
    const events: InstallEvent[] = [
      download('a', 1000),
      verified,
      download('b', 500),
      { type: 'unpack', path: 'a', files: 2 },
      download('b', 1000),
    ]
    const lines = play(events).trimEnd().split('\n')
    assert.equal(lines.filter((line) => line.startsWith('downloaded ')).length, 1)
    assert.match(lines.at(-2) ?? '', /^downloaded 2\.0 kB/)
  })

  test('on a terminal shows files under way and the total, not those that are done', () => {
    const written = play([download('a', 1000), download('b', 10), download('c', 20)], 100)
    const last = stripVTControlCharacters(written).replaceAll('\r', '').split('\n').slice(-5)
    assert.deepEqual(last.map((line) => line.split(' ')[0]).filter(Boolean), ['b', 'c', 'total', 'downloaded'])
  })

  test('does not wait for what was here already', () => {
    const transfer = new Transfer()
    transfer.apply({ type: 'resolved', reference: 'r', version: '1', files: 3, sizeBytes: 3000 }, 0)
    transfer.apply({ type: 'adopt', path: 'a', how: 'stored', sizeBytes: 1000 }, 0)
    for (const path of ['b', 'c']) transfer.apply(download(path, 1000), 0)
    assert.equal(transfer.total.sizeBytes, 2000)
  })

  test('says on a terminal what is waited for, until something happens', () => {
    const options = { waiting: 'asking for hf/a/b …' }
    const written = play([{ type: 'register', name: 'x' }], 80, options)
    assert.ok(written.includes('asking for hf/a/b …'))
    // Up a line, and everything from there erased.
    assert.ok(written.indexOf('\u001B[1A\r\u001B[J') < written.indexOf('registered as'))
    assert.equal(play([{ type: 'register', name: 'x' }], undefined, options), 'registered as x\n')
  })

  test('of several files shows each and their total, and names cannot draw', () => {
    const written = play([download('a\u001B[2J.onnx', 10), download('b.onnx', 500), download('b.onnx', 600)], 100)
    const text = stripVTControlCharacters(written)
    assert.match(text, /total/)
    assert.ok(!written.includes('\u001B[2J'))
    assert.match(text, /a\\x1b\[2J\.onnx/)
  })
})
