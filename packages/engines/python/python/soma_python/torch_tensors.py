"""Tensors of the host as PyTorch's, and back, without copies where the bytes are on the CPU. Needs no numpy."""

from __future__ import annotations

import ctypes
from typing import Any

import torch

from soma.smi import SomaError, Tensor

#: Newer versions have the larger unsigned types, too.
_names = ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
to_torch = {name: getattr(torch, name) for name in _names if hasattr(torch, name)}
to_soma = {value: name for name, value in to_torch.items()}


def from_soma(tensor: Tensor, device: str) -> Any:
    kind = to_torch.get(tensor.dtype)
    if kind is None:
        message = f'input "{tensor.name}" is of {tensor.dtype}, which PyTorch {torch.__version__} does not have'
        raise SomaError("model/unsupported", message, {"type": tensor.dtype})
    if memoryview(tensor.data).nbytes == 0:
        return torch.empty(tuple(tensor.shape), dtype=kind, device=device)
    return torch.frombuffer(tensor.data, dtype=kind).reshape(tuple(tensor.shape)).to(device)


def from_torch(name: str, value: Any) -> Tensor:
    found = value.detach()
    if found.is_sparse or found.is_quantized or found.dtype not in to_soma:
        message = f'output "{name}" is of {str(value.dtype).removeprefix("torch.")}, which no tensor of Soma can be'
        raise SomaError("model/unsupported", message)
    found = found.to("cpu").contiguous()
    return Tensor(name, to_soma[found.dtype], list(found.shape), _bytes_of(found))


def _bytes_of(value: Any) -> memoryview:
    size = value.numel() * value.element_size()
    data = (ctypes.c_ubyte * size).from_address(value.data_ptr()) if size else (ctypes.c_ubyte * 0)()
    # The memory is the tensor's: it must live as long as whoever looks at it.
    data._owner = value  # type: ignore[attr-defined]
    return memoryview(data).cast("B")
