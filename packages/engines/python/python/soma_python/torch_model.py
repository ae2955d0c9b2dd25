"""A PyTorch program in memory, whatever it came from."""

from __future__ import annotations

import gc
from typing import Any, Callable, Sequence

import torch

from soma.smi import Context, LoadOptions, Model, Names, Outputs, Signature, SomaError, Tensor, TensorSpec, resident_bytes

from . import devices
from .torch_tensors import from_soma, from_torch

#: What a call gives, flat.
Answers = Sequence[Any]
#: Which input is a plain number or truth value, and not a tensor.
PLAIN = {"int": "int64", "float": "float64", "bool": "bool"}


# Once, and before any work: some versions end the process when it is set again. Calls run one at a time here.
torch.set_num_interop_threads(1)


def prepare(options: LoadOptions) -> str:
    """Sets the threads and picks the device, before anything is loaded."""
    torch.set_num_threads(options.threads)
    return devices.choose(torch, options.device)


class TorchModel(Model):
    """`run` takes values by input name, and gives a value by output name, or a list of them in order."""

    def __init__(self, run: Callable[[dict[str, Any]], Any], signature: Signature, device: str, plain: frozenset[str] = frozenset()):
        self.signature = signature
        self.device = device
        self._run: Callable[[dict[str, Any]], Any] | None = run
        self._plain = plain
        self._torch_device = devices.torch_name(device)

    def infer(self, inputs: dict[str, Tensor], outputs: Names, ctx: Context) -> Outputs:
        assert self._run is not None, "a closed model is asked nothing"
        ctx.check()
        values = {name: self._value(tensor) for name, tensor in inputs.items()}
        try:
            with torch.inference_mode():
                answers = flatten(self._run(values), [spec.name for spec in self.signature.outputs])
        except RuntimeError as error:
            raise self._failure(error) from error
        missing = [name for name in outputs if name not in answers]
        if missing:
            message = f'the model gave no "{missing[0]}" this time; it gave {", ".join(answers)}'
            raise SomaError("engine/failed", message, {"output": missing[0]})
        return [from_torch(name, answers[name]) for name in outputs]

    def usage(self) -> dict[str, Any]:
        usage: dict[str, Any] = {"residentBytes": resident_bytes()}
        held = devices.memory_bytes(torch, self.device)
        return {**usage, "deviceBytes": held} if held else usage

    def close(self) -> None:
        self._run = None
        gc.collect()
        if self.device.startswith(("cuda", "rocm")):
            torch.cuda.empty_cache()

    def _value(self, tensor: Tensor) -> Any:
        value = from_soma(tensor, "cpu" if tensor.name in self._plain else self._torch_device)
        return value.item() if tensor.name in self._plain else value

    def _failure(self, error: RuntimeError) -> SomaError:
        known = devices.failure(error, self.device)
        if known:
            return known
        text = str(error).strip()
        # TorchScript puts the program's lines before what went wrong, which it says last.
        reason = text.splitlines()[-1].removeprefix("RuntimeError: ") if text else "it gave no reason"
        names = ", ".join(spec.name for spec in self.signature.inputs)
        if any(word in reason for word in MISFITS):
            details = {"input": names, "expected": "shapes and types that the model takes", "actual": reason}
            return SomaError("model/input-mismatch", f"the model does not take these inputs ({names}): {reason}", details)
        return SomaError("engine/failed", f"the model failed: {reason}")


#: What operators say of shapes and types that only the graph knows.
MISFITS = (
    "mat1 and mat2 shapes cannot be multiplied",
    "must match the size of tensor",
    "shape '[",
    "Expected 2D",
    "Expected 3D",
    "Expected 4D",
    "to have",
    "but got input of size",
    "Sizes of tensors must match",
    "size mismatch",
    "Expected tensor for argument",
    "must have the same dtype",
    "expected scalar type",
    "expected m1 and m2 to have the same dtype",
)


def flatten(value: Any, names: Sequence[str]) -> dict[str, Any]:
    """The tensors of an answer by name: its own names where it has some, else those given, in order."""
    if isinstance(value, torch.Tensor):
        return {names[0]: value}
    if isinstance(value, dict):
        return {str(key): _tensor(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return {key: _tensor(item) for key, item in value._asdict().items()}
    flat = list(_leaves(value))
    return {name: _tensor(item) for name, item in zip(names, flat)}


def _leaves(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _tensor(value: Any) -> Any:
    return value if isinstance(value, torch.Tensor) else torch.as_tensor(value)


def first_floating(tensors: Any) -> str:
    """The dtype that inputs have unless somebody says otherwise: the weights'."""
    for tensor in tensors:
        if tensor.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            return str(tensor.dtype).removeprefix("torch.")
    return "float32"


def spec_of(name: str, example: Any) -> TensorSpec:
    return TensorSpec(name, str(example.dtype).removeprefix("torch."), [size if type(size) is int else -1 for size in example.shape])
