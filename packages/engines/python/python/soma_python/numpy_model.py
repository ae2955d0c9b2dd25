"""A program of a framework that takes and gives numpy arrays."""

from __future__ import annotations

import gc
from typing import Any, Callable

import numpy as np

from soma.smi import Context, Model, Names, Outputs, Signature, SomaError, Tensor


class NumpyModel(Model):
    """`run` takes arrays by input name, and gives what can become an array by output name."""

    def __init__(self, run: Callable[[dict[str, Any]], dict[str, Any]], signature: Signature, framework: str):
        self.signature = signature
        self._run: Callable[[dict[str, Any]], dict[str, Any]] | None = run
        self._framework = framework

    def infer(self, inputs: dict[str, Tensor], outputs: Names, ctx: Context) -> Outputs:
        assert self._run is not None, "a closed model is asked nothing"
        ctx.check()
        values = {name: self._array(tensor) for name, tensor in inputs.items()}
        try:
            answers = self._run(values)
        except MemoryError:
            raise
        except Exception as error:
            raise self._failure(error) from error
        return [tensor_of(name, answers[name]) for name in outputs]

    def close(self) -> None:
        self._run = None
        gc.collect()

    def _array(self, tensor: Tensor) -> Any:
        if tensor.dtype == "bfloat16":
            raise SomaError("model/unsupported", f'input "{tensor.name}" is of bfloat16, which numpy does not have', {"type": "bfloat16"})
        if tensor.dtype == "string":
            return np.array(tensor.array, dtype=object).reshape(tuple(tensor.shape))
        return tensor.array

    def _failure(self, error: Exception) -> SomaError:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if any(word in reason.lower() for word in ("shape", "dimension", "rank", "incompatible", "must be equal")):
            names = ", ".join(spec.name for spec in self.signature.inputs)
            details = {"input": names, "expected": "shapes that the model takes", "actual": reason}
            return SomaError("model/input-mismatch", f"the model does not take these inputs ({names}): {reason}", details)
        return SomaError("engine/failed", f"{self._framework} failed: {reason}")


def tensor_of(name: str, value: Any) -> Tensor:
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        strings = [item.decode() if isinstance(item, bytes) else str(item) for item in array.reshape(-1)]
        return Tensor(name, "string", list(array.shape), Tensor.of(name, strings).data)
    if array.dtype.name == "bfloat16":
        return Tensor.of(name, array.view(np.uint16), "bfloat16")
    return Tensor.of(name, array)


def load_failed(framework: str, path: str, error: Exception) -> SomaError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return SomaError("model/load-failed", f"{framework} cannot load {path}: {reason}", {"path": path})


