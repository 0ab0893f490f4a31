/**
 * The names that a checkpoint's pickle may refer to. A list of what is allowed, never of what is forbidden: of the ways to run code in a pickle new ones are found every year.
 * What stands here rebuilds tensors or holds plain settings beside them (published checkpoints keep their training arguments). Even these are only data to
 * the reader; the list is what tells a file that holds weights from one that wants to run something. Matched by module and name exactly.
 */
import { ELEMENT_NAMES, STORAGE_NAMES } from './elements.js';

const PLAIN_TYPES = ['bool', 'bytearray', 'bytes', 'complex', 'dict', 'float', 'frozenset', 'int', 'list', 'object', 'range', 'set', 'slice', 'str', 'tuple'];
const ARRAYS = ['_reconstruct', 'scalar'];
const NUMPY_TYPES = [
  'dtype', 'ndarray', 'bool_', 'bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'float16', 'float32', 'float64', 'longlong', 'ulonglong', 'str_', 'bytes_', 'void',
];

const KNOWN: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    'torch._utils': [
      '_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3', '_rebuild_parameter', '_rebuild_parameter_with_state', '_rebuild_qtensor', '_rebuild_sparse_tensor',
      '_rebuild_sparse_csr_tensor', '_rebuild_nested_tensor', '_rebuild_meta_tensor_no_storage', '_rebuild_device_tensor_from_numpy', '_rebuild_device_tensor_from_cpu_tensor',
    ],
    'torch._tensor': ['_rebuild_from_type_v2'],
    'torch.nn.parameter': ['Parameter', 'Buffer'],
    torch: [
      ...ELEMENT_NAMES, ...STORAGE_NAMES, 'Size', 'device', 'Tensor', 'per_tensor_affine', 'per_tensor_symmetric', 'per_channel_affine', 'per_channel_symmetric', 'per_channel_affine_float_qparams',
      'quint8', 'qint8', 'qint32', 'quint4x2', 'quint2x4', 'strided', 'sparse_coo', 'sparse_csr', 'contiguous_format', 'channels_last', 'preserve_format',
    ],
    'torch.cuda': STORAGE_NAMES,
    'torch.storage': ['UntypedStorage', 'TypedStorage', '_LegacyStorage'],
    'torch.serialization': ['_get_layout'],
    'torch.jit._pickle': ['build_intlist', 'build_doublelist', 'build_boollist', 'build_tensorlist', 'restore_type_tag'],
    collections: ['OrderedDict', 'defaultdict', 'Counter', 'deque'],
    builtins: PLAIN_TYPES,
    __builtin__: [...PLAIN_TYPES, 'long', 'unicode'],
    copyreg: ['_reconstructor'],
    copy_reg: ['_reconstructor'],
    _codecs: ['encode'],
    'numpy.core.multiarray': ARRAYS,
    'numpy._core.multiarray': ARRAYS,
    'numpy.core.numeric': ['_frombuffer'],
    'numpy._core.numeric': ['_frombuffer'],
    numpy: NUMPY_TYPES,
    'numpy.dtypes': ['BoolDType', 'Float32DType', 'Float64DType', 'Int64DType', 'Int32DType', 'StrDType'],
    argparse: ['Namespace'],
    types: ['SimpleNamespace'],
    easydict: ['EasyDict'],
    'yacs.config': ['CfgNode'],
    pathlib: ['PosixPath', 'PurePosixPath', 'WindowsPath', 'PureWindowsPath', 'Path', 'PurePath'],
    'pathlib._local': ['PosixPath', 'PurePosixPath', 'WindowsPath', 'PureWindowsPath', 'Path', 'PurePath'],
    datetime: ['datetime', 'date', 'time', 'timedelta', 'timezone'],
  }).map(([module, names]) => [module, new Set(names)]),
);

export function isKnownGlobal(module: string, name: string): boolean {
  return KNOWN.get(module)?.has(name) === true;
}

/** Names of the classes that TorchScript makes for an archive's own modules: data, like the names of attributes. */
export function isScriptGlobal(module: string, name: string): boolean {
  return module === '__torch__' || module.startsWith('__torch__.') || isKnownGlobal(module, name);
}
