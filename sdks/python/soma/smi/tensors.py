"""Tensors: a name, a dtype, a shape and bytes, row-major, little-endian, no gaps."""

from __future__ import annotations

import array
import importlib
import math
import struct
import sys
from dataclasses import dataclass
from typing import Any, Sequence

from .errors import SomaError
from .limits import STRINGS_MAX

#: Bytes of one element; a string's are a little-endian u32 length and that many bytes of UTF-8.
dtypes = {
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "bool": 1,
    "string": 0,
}
#: As `memoryview` and `array` name them; numpy has no bfloat16 either, which comes as its bits.
_codes = {"float32": "f", "float64": "d", "int8": "b", "int16": "h", "int32": "i", "int64": "q"}
_codes |= {"uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "bool": "?", "bfloat16": "H"}


def numpy() -> Any | None:
    """numpy, where it is installed."""
    try:
        return importlib.import_module("numpy")
    except ImportError:
        return None


@dataclass(frozen=True)
class Tensor:
    name: str
    dtype: str
    shape: Sequence[int]
    data: memoryview | bytes

    @property
    def array(self) -> Any:
        """The values without a copy: a numpy array where numpy is installed, else a flat `memoryview` of them. bfloat16, which
        neither knows, as its bits in uint16; strings as a flat list."""
        if self.dtype == "string":
            return decode_strings(self.data)
        np = numpy()
        if np is None:
            return _view(self.dtype, memoryview(self.data).cast("B"))
        kind = np.dtype("uint16" if self.dtype == "bfloat16" else self.dtype)
        return np.frombuffer(self.data, dtype=kind).reshape(tuple(self.shape))

    @staticmethod
    def of(name: str, values: Any, dtype: str | None = None) -> Tensor:
        """A tensor of a numpy array, or of a list of strings."""
        if isinstance(values, (list, tuple)):
            return Tensor(name, "string", [len(values)], encode_strings(values))
        np = numpy()
        if np is None:
            raise SomaError("engine/missing", "Tensor.of takes numpy arrays, and numpy is not installed: pip install numpy")
        found = dtype or str(values.dtype)
        if found not in dtypes or found == "string":
            raise SomaError("model/unsupported", f'output "{name}" is of {found}, which no tensor of Soma can be', {"type": found})
        packed = np.ascontiguousarray(values)
        if packed.dtype.byteorder == ">" or (packed.dtype.byteorder == "=" and sys.byteorder == "big"):
            packed = packed.astype(packed.dtype.newbyteorder("<"))
        return Tensor(name, found, list(values.shape), memoryview(packed.reshape(-1).view(np.uint8)))

    @staticmethod
    def read(value: Any) -> Tensor:
        """A tensor out of a message."""
        if not isinstance(value, dict) or not isinstance(value.get("name"), str) or value.get("dtype") not in dtypes:
            raise SomaError("call/invalid-input", "an input is no tensor: expected name, dtype, shape and data")
        name, dtype, shape, data = value["name"], value["dtype"], value.get("shape"), value.get("data")
        if not isinstance(data, memoryview) or not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise SomaError("call/invalid-input", f'tensor "{name}" has no data, or no shape')
        tensor = Tensor(name, dtype, shape, data)
        tensor._check_bytes()
        return tensor

    def to_message(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "data": self.data}

    def first_non_finite(self) -> int:
        """Position of the first NaN or infinity; -1 without one."""
        if self.dtype not in ("float16", "bfloat16", "float32", "float64"):
            return -1
        np = numpy()
        if np is None or self.dtype == "bfloat16":
            return _first_non_finite_bits(self.dtype, self.data)
        finite = np.isfinite(self.array.reshape(-1))
        return -1 if finite.all() else int(finite.argmin())

    def _check_bytes(self) -> None:
        elements = math.prod(self.shape)
        is_text = self.dtype == "string"
        actual = len(decode_strings(self.data)) if is_text else memoryview(self.data).nbytes
        expected = elements if is_text else elements * dtypes[self.dtype]
        if actual == expected:
            return
        unit = "strings" if is_text else "bytes"
        sizes = ", ".join(str(size) for size in self.shape)
        message = f'tensor "{self.name}": {self.dtype}[{sizes}] takes {expected} {unit}, {actual} came'
        raise SomaError("model/input-mismatch", message, {"input": self.name, "expected": expected, "actual": actual, "unit": unit})


def encode_strings(values: Sequence[str]) -> bytes:
    if len(values) > STRINGS_MAX:
        raise _too_many_strings()
    parts = []
    for text in values:
        data = text.encode()
        parts += [struct.pack("<I", len(data)), data]
    return b"".join(parts)


def decode_strings(data: memoryview | bytes) -> list[str]:
    view = memoryview(data).cast("B")
    strings: list[str] = []
    offset = 0
    while offset < view.nbytes:
        if len(strings) == STRINGS_MAX:
            raise _too_many_strings()
        end = offset + 4 + struct.unpack_from("<I", view, offset)[0] if offset + 4 <= view.nbytes else math.inf
        if end > view.nbytes:
            raise SomaError("model/input-mismatch", f"string {len(strings)} of the tensor runs past its {view.nbytes} bytes")
        try:
            strings.append(bytes(view[offset + 4 : int(end)]).decode())
        except UnicodeDecodeError:
            raise SomaError("model/input-mismatch", f"string {len(strings)} of the tensor is not UTF-8") from None
        offset = int(end)
    return strings


def _view(dtype: str, data: memoryview) -> memoryview:
    if dtype == "float16":
        # Which `memoryview` cannot show, so these are copied.
        return memoryview(array.array("f", struct.unpack(f"<{data.nbytes // 2}e", data)))
    code: Any = _codes[dtype]
    view: memoryview = data.cast(code)
    return view


def _first_non_finite_bits(dtype: str, data: memoryview | bytes) -> int:
    """A float is NaN or infinite when all bits of its exponent are set."""
    code, mask = {"float16": ("H", 0x7C00), "bfloat16": ("H", 0x7F80), "float32": ("I", 0x7F800000), "float64": ("Q", 0x7FF << 52)}[dtype]
    words = array.array(code, bytes(data))
    return next((index for index, word in enumerate(words) if word & mask == mask), -1)


def _too_many_strings() -> SomaError:
    message = f"the tensor holds more than {STRINGS_MAX} strings; send them in parts"
    return SomaError("model/input-mismatch", message, {"stringsMax": STRINGS_MAX})
