import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SomaError, isSomaError } from '@soma/core'
import { stateDictPickle } from '@soma/testkit/formats'
import fc from 'fast-check'
import { bytesReader } from '../reader.ts'
import { scanMaybePickle } from './permissive.ts'
import { type PickleScan, type PickleScanOptions, scanPickle } from './scan.ts'
import { harmlessPickles } from './test-fixtures.ts'

const latin = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const scan = (text: string | Uint8Array, options?: PickleScanOptions): Promise<PickleScan> =>
  scanPickle(bytesReader('m.pkl', typeof text === 'string' ? latin(text) : text), options)

async function refusal(text: string | Uint8Array): Promise<SomaError> {
  try {
    await scan(text)
  } catch (error) {
    assert.ok(isSomaError(error), String(error))
    return error
  }
  throw assert.fail('it was taken')
}

const run = '(X\x02\x00\x00\x00idtR.'
/** A text as `SHORT_BINUNICODE`. */
const short = (text: string): string => `\x8c${String.fromCharCode(text.length)}${text}`
const long = (text: string): string => `X${String.fromCharCode(text.length)}\0\0\0${text}`

/** What it is, the pickle, and the name that the refusal has to say; null where the file does not say it. */
const malicious: ReadonlyArray<readonly [string, string, string | null]> = [
  ['os.system by GLOBAL', `cos\nsystem\n${run}`, 'os.system'],
  ['the real name of os.system', `cposix\nsystem\n${run}`, 'posix.system'],
  ['nt.system of Windows', `cnt\nsystem\n${run}`, 'nt.system'],
  ['os.system by STACK_GLOBAL', `\x80\x04${short('os')}${short('system')}\x93${short('id')}\x85R.`, 'os.system'],
  [
    'os.system by STACK_GLOBAL out of the memo',
    `\x80\x04${short('system')}\x94${short('os')}\x94h\x01h\x00\x93${short('id')}\x85R.`,
    'os.system',
  ],
  ['names in a memo with large numbers', `\x80\x02${long('system')}r\xff\xff\xff\x7f0${long('os')}j\xff\xff\xff\x7f\x93.`, 'os.system'],
  ['names in a memo written in text', `${long('os')}p999999\n0${long('system')}p7\n0g999999\ng7\n\x93.`, 'os.system'],
  ['a memo entry that is put twice', `\x80\x04${long('torch')}q\x00${long('os')}q\x000h\x00${long('system')}\x93.`, 'os.system'],
  ['names put in order by DUP, POP and MARK', `\x80\x04${short('os')}20(${short('x')}1${short('system')}\x93.`, 'os.system'],
  ['a mark that POP takes away', `\x80\x04(0${short('os')}${short('system')}(0\x93.`, 'os.system'],
  ['os.system by INST', "(S'id'\nios\nsystem\n.", 'os.system'],
  ['os.system by OBJ', "(cos\nsystem\nS'id'\no.", 'os.system'],
  ['a class of subprocess by NEWOBJ', `\x80\x02csubprocess\nPopen\n(lt\x81.`.replace('(lt', '(t'), 'subprocess.Popen'],
  ['a class of subprocess by NEWOBJ_EX', `\x80\x04${short('subprocess')}${short('Popen')}\x93)}\x92.`, 'subprocess.Popen'],
  ['getattr, to reach everything else', `c__builtin__\ngetattr\n(cos\nsystem\n${long('x')}tR.`, '__builtin__.getattr'],
  ['builtins.eval', `cbuiltins\neval\n(S'1'\ntR.`, 'builtins.eval'],
  ['builtins.exec', `\x80\x04${short('builtins')}${short('exec')}\x93.`, 'builtins.exec'],
  ['__import__', `c__builtin__\n__import__\n(S'os'\ntR.`, '__builtin__.__import__'],
  ['a function of the code of another', `ctypes\nFunctionType\n.`, 'types.FunctionType'],
  ['marshal, that reads code', `cmarshal\nloads\n.`, 'marshal.loads'],
  ['runpy', `crunpy\n_run_code\n.`, 'runpy._run_code'],
  ['operator.attrgetter', `coperator\nattrgetter\n(S'system'\ntR.`, 'operator.attrgetter'],
  ['functools.partial', `cfunctools\npartial\n(cos\nsystem\n)t.`, 'functools.partial'],
  ['another pickle inside, unpickled by PyTorch', `ctorch.storage\n_load_from_bytes\n(B\x01\0\0\0.tR.`, 'torch.storage._load_from_bytes'],
  ['a checkpoint loaded from an address', `ctorch.hub\nload\n.`, 'torch.hub.load'],
  ['a harmless module that has imported os', `ctorch.serialization\nos.system\n.`, 'torch.serialization.os.system'],
  ['a dotted name by STACK_GLOBAL', `\x80\x04${short('os')}${short('path.join')}\x93.`, 'os.path.join'],
  [
    'a module and a name whose border is moved',
    `\x80\x04${short('torch')}${short('_utils._rebuild_tensor_v2')}\x93.`,
    'torch._utils._rebuild_tensor_v2',
  ],
  ['escapes in a UNICODE', `V\\u006f\\u0073\nV\\u0073ystem\n\x93.`, 'os.system'],
  ['escapes in a STRING', `S'\\x6f\\163'\nS"sy\\163tem"\n\x93.`, 'os.system'],
  ['BINUNICODE8', `\x80\x04\x8d\x02\0\0\0\0\0\0\0os\x8d\x06\0\0\0\0\0\0\0system\x93.`, 'os.system'],
  ['SHORT_BINSTRING and BINSTRING', `U\x02osT\x06\0\0\0system\x93.`, 'os.system'],
  ['a name of bytes, which nobody knows', `\x80\x04C\x02os${short('system')}\x93.`, null],
  ['a name that is too long to be one', `\x80\x04${short('os')}X\0\x08\0\0${'a'.repeat(2048)}\x93.`, null],
  ['a name that a call gives', `\x80\x04c_codecs\nencode\n(tR${short('system')}\x93.`, null],
  ['a text with a BOM in front', `\x80\x04\x8c\x08\xef\xbb\xbftorch${short('float32')}\x93.`, '\ufefftorch.float32'],
  ['EXT1', '\x80\x02\x82\x01.', null],
  ['EXT2', '\x80\x02\x83\x01\x01.', null],
  ['EXT4', '\x80\x02\x84\x01\0\0\0.', null],
  ['a call of what a call gave', `ccollections\nOrderedDict\n)R)R.`, null],
  ['a call of what the loading program brings', `Pid\n)R.`, null],
  ['a call of a class that is only handed on', `ctorch\nFloatStorage\n)R.`, 'torch.FloatStorage'],
  ['attributes set on a class', `ctorch\nFloatStorage\n}b.`, 'torch.FloatStorage'],
  ['something in the second of two pickles', `\x80\x02N.\x80\x02cos\nsystem\n.`, 'os.system'],
  ['something behind a thousand pickles', `${'N.'.repeat(1000)}cos\nsystem\n.`, 'os.system'],
  [
    'bytes taken for Python objects by numpy',
    `cnumpy\ndtype\n(${long('O8')}\x89\x88tR(K\x03${long('|')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.`,
    'numpy.dtype',
  ],
  ['a dtype of a name that hides objects', `cnumpy\ndtype\n(${long('object')}tR.`, 'numpy.dtype'],
  [
    'a framed one',
    `\x80\x04\x95\x15\0\0\0\0\0\0\0${short('os')}\x94${short('system')}\x94\x93\x94${short('id')}\x94\x85\x94R\x94.`,
    'os.system',
  ],
  ['os.system by INST without a mark', 'ios\nsystem\n.', 'os.system'],
  ['a call that never ends', 'cos\nsystem\n', 'os.system'],
]

describe('a pickle', () => {
  for (const [what, pickle, global] of malicious)
    it(`is refused for ${what}`, async () => {
      const error = await refusal(pickle)
      assert.equal(error.code, 'package/unsafe-pickle', error.message)
      assert.equal(error.details['global'], global === null ? null : JSON.stringify(global))
      assert.equal(error.details['path'], 'm.pkl')
      assert.equal(typeof error.details['offset'], 'number')
      assert.match(error.message, /safetensors/)
      if (global !== null) assert.ok(error.message.includes(global.slice(1)), error.message)
    })

  for (const [what, hex] of harmlessPickles)
    it(`is taken when it holds ${what}`, async () => {
      const found = await scan(Buffer.from(hex, 'hex'))
      assert.deepEqual([found.pickles, found.findings, found.end], [1, [], hex.length / 2])
    })

  it('tells what it names, calls and asks for', async () => {
    const calls: string[] = []
    let storages = 0
    const { globals } = await scan(stateDictPickle([{ name: 'w', shape: [2, 3] }]), {
      onCall: ({ name }) => calls.push(name),
      onPersistent: () => storages++,
    })
    assert.deepEqual(globals, ['collections.OrderedDict', 'torch._utils._rebuild_tensor_v2', 'torch.FloatStorage'])
    assert.deepEqual([calls, storages], [['OrderedDict', 'OrderedDict', '_rebuild_tensor_v2'], 1])
  })

  it('is read to its end when unsafe ones are allowed, and every finding is kept', async () => {
    const { findings, pickles } = await scan(`cos\nsystem\n)R0cos\npopen\n.`, { allowUnsafe: true })
    assert.deepEqual(
      findings.map(({ global, offset }) => [global, offset]),
      [
        ['os.system', 0],
        ['os.popen', 14],
      ],
    )
    assert.equal(pickles, 1)
    // What follows may be no opcodes: joblib puts arrays between them.
    assert.equal((await scan(`cjoblib.numpy_pickle\nNumpyArrayWrapper\n)R\xff\xff`, { allowUnsafe: true })).findings.length, 1)
  })

  it('is refused where Python would refuse it too, naming the offset', async () => {
    const broken: ReadonlyArray<readonly [string, number]> = [
      ['', 0],
      ['N', 1],
      ['\x80\x06N.', 0],
      ['\xff.', 0],
      ['.', 0],
      ['0.', 0],
      ['t.', 0],
      ['((.', 2],
      ['h\x07.', 0],
      ['gx\n.', 0],
      ['p-1\n.', 0],
      ['T\xff\xff\xff\xffx.', 1],
      ['X\xff\xff\xff\xffx.', 1],
      ['\x8e\xff\xff\xff\xff\xff\xff\xff\xff.', 1],
      ['\x8b\xff\xff\xff\xff.', 1],
      ['cos\xff\nsystem\n.', 0],
      ['(N1.', 3],
      ['N.x', 2],
      ['cos', 3],
    ]
    for (const [text, offset] of broken) {
      const error = await refusal(text)
      assert.deepEqual([error.code, error.details['offset']], ['package/invalid-model', offset], JSON.stringify(text))
    }
  })

  it('stops at the end it is given, and after as many pickles as are asked for', async () => {
    const { end, pickles } = await scan('N.N.\xff\xff', { count: 2 })
    assert.deepEqual([end, pickles], [4, 2])
    assert.equal((await scan('\xffN.\xff', { begin: 1, end: 3 })).pickles, 1)
  })

  it('is never taken for harmless when os.system stands anywhere in it as an opcode', async () => {
    const harmless = fc.constantFrom('N', '(', 'K\x01', ']', '}', 'N0', '(1', long('a'), 'N2', '\x80\x04', ')', 'N\x85', 'I7\n', "S'a'\n")
    await fc.assert(
      fc.asyncProperty(fc.array(harmless, { maxLength: 30 }), async (parts) => {
        const error = await refusal(`${parts.join('')}cos\nsystem\n.`)
        assert.equal(error.code, 'package/unsafe-pickle')
      }),
    )
  })

  it('keeps nothing of long texts, however many there are', async () => {
    const line = `V${'x'.repeat(100_000)}\n0`
    assert.equal((await scan(`${line.repeat(50)}N.`)).pickles, 1)
  })
})

describe('bytes that may be a pickle', () => {
  const maybe = (text: string | Uint8Array, allowUnsafe = false): ReturnType<typeof scanMaybePickle> =>
    scanMaybePickle(bytesReader('w.bin', typeof text === 'string' ? latin(text) : text), { allowUnsafe })

  it('are refused when an unpickler would call something before it fails', async () => {
    await assert.rejects(maybe('cos\nsystem\n)R\xff\xff\xff'), (error) => isSomaError(error, 'package/unsafe-pickle'))
    await assert.rejects(maybe('\x80\x02cos\nsystem\n\x82\x01)R\xff'), (error) => isSomaError(error, 'package/unsafe-pickle'))
    assert.equal((await maybe('cos\nsystem\n)R\xff', true)).findings.length, 1)
  })

  it('are just bytes otherwise', async () => {
    for (const text of ['', '\x82\x01', '\x80\x02\x84\x01\x01\x01\x01)R.', 'N)R', '\0\0\0\0', 'c\xff\xfe\nname\n.'])
      assert.equal((await maybe(text)).isPickle, false, JSON.stringify(text))
    assert.equal((await maybe('N.')).isPickle, true)
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => void (await maybe(bytes, true))))
  })
})
