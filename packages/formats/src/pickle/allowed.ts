/**
 * The classes and functions that a pickle of weights may name: those that PyTorch's own weights-only loader takes,
 * numpy's arrays, and plain containers. Nothing here runs code, reads files or gives out functions, whatever it is called with; that is
 * the condition for being on this list. `torch._tensor._rebuild_from_type_v2` calls its first argument: that has to be one that rebuilds tensors.
 * `torch.storage._load_from_bytes` is not on it: it unpickles its argument without any check.
 *
 * Names are matched whole and by module, never by prefix: `torch.serialization.os.system` is reached through a module that is harmless.
 */
const callable: Readonly<Record<string, string>> = {
  collections: 'OrderedDict Counter defaultdict deque',
  builtins: 'set frozenset bytearray complex',
  __builtin__: 'set frozenset bytearray complex',
  _codecs: 'encode',
  torch: 'Size device',
  'torch.nn.parameter': 'Parameter',
  'torch.serialization': '_get_layout',
  'torch._tensor': '_rebuild_from_type_v2',
  'torch._utils':
    '_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state _rebuild_qtensor ' +
    '_rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_wrapper_subclass ' +
    '_rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor',
  numpy: 'dtype',
  'numpy.core.multiarray': '_reconstruct scalar',
  'numpy._core.multiarray': '_reconstruct scalar',
  'numpy.core.numeric': '_frombuffer',
  'numpy._core.numeric': '_frombuffer',
}

const storages =
  'DoubleStorage FloatStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage ByteStorage BoolStorage ' +
  'ComplexDoubleStorage ComplexFloatStorage QUInt8Storage QInt8Storage QInt32Storage QUInt4x2Storage QUInt2x4Storage'
const dtypes =
  'float64 float32 float16 bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 ' +
  'double float half long int short int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool complex32 complex64 complex128 ' +
  'quint8 qint8 qint32 quint4x2 quint2x4'
const schemes =
  'per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams ' +
  'strided sparse_coo sparse_csr preserve_format contiguous_format'

const types = 'list dict tuple int float bool str bytes object'
/** Only handed to the functions above, never called themselves. */
const values: Readonly<Record<string, string>> = {
  builtins: types,
  __builtin__: types,
  torch: `${storages} ${dtypes} ${schemes} Tensor`,
  'torch.cuda': storages,
  'torch.storage': 'TypedStorage UntypedStorage _TypedStorage _UntypedStorage',
  'torch._tensor': 'Tensor',
  'torch.nn.parameter': 'UninitializedParameter',
  numpy: 'ndarray',
}

/** What the loader of TorchScript archives knows beside them. It is no Python, and calls nothing else. */
const scriptCallable: Readonly<Record<string, string>> = {
  'torch.jit._pickle': 'build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id restore_type_tag',
}
/** Classes that the archive's own code declares. */
const SCRIPT_MODULE = /^__torch__(\.|$)/

/** How a pickle may use a global: `call` it, only hand it on as a `value`, or neither. */
export type Permission = 'call' | 'value' | 'none'
export type PicklePolicy = (module: string, name: string) => Permission

const allowed = new Map<string, Map<string, Permission>>()
addAll(values, 'value', allowed)
addAll(callable, 'call', allowed)
const scriptAllowed = new Map<string, Map<string, Permission>>()
addAll(scriptCallable, 'call', scriptAllowed)

function addAll(names: Readonly<Record<string, string>>, permission: Permission, to: Map<string, Map<string, Permission>>): void {
  for (const [module, list] of Object.entries(names)) {
    const known = to.get(module) ?? new Map<string, Permission>()
    for (const name of list.split(' ')) known.set(name, permission)
    to.set(module, known)
  }
}

/** What loading weights in Python may name. */
export const weightsPolicy: PicklePolicy = (module, name) => allowed.get(module)?.get(name) ?? 'none'

/** What a TorchScript archive may name. */
export const scriptPolicy: PicklePolicy = (module, name) =>
  SCRIPT_MODULE.test(module) ? 'call' : (scriptAllowed.get(module)?.get(name) ?? weightsPolicy(module, name))
