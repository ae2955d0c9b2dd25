"""Keras, with whichever of its backends is installed. Layers of code that comes with a model are refused (`safe_mode`)."""

from __future__ import annotations

import os
from typing import Any

from soma.smi import LoadOptions, Package, Signature, SomaError, TensorSpec

from . import frameworks
from .numpy_model import NumpyModel, load_failed
from .settings import Settings

BACKENDS = ("torch", "tensorflow", "jax")


def load(package: Package, options: LoadOptions, settings: Settings) -> NumpyModel:
    backend = choose_backend()
    os.environ.setdefault("KERAS_BACKEND", backend)
    set_threads(backend, options.threads)
    import keras

    file = package.file("model")
    try:
        model = keras.models.load_model(file.local_path, compile=False, safe_mode=True)
    except Exception as error:
        raise load_failed(f"Keras {keras.__version__}", file.path, error) from error
    inputs = [spec_of(value) for value in model.inputs]
    names = settings.outputs or list(model.output_names)
    outputs = [TensorSpec(name, spec.dtype, spec.shape) for name, spec in zip(names, (spec_of(value) for value in model.outputs))]

    def run(values: dict[str, Any]) -> dict[str, Any]:
        given = [values[spec.name] for spec in inputs]
        answer = model(given[0] if len(given) == 1 else given, training=False)
        return dict(zip(names, (to_numpy(value) for value in leaves(answer))))

    return NumpyModel(run, Signature(settings.apply(inputs), outputs), "Keras")


def choose_backend() -> str:
    for name in BACKENDS:
        if frameworks.version(name):
            return name
    message = f"keras needs one of {', '.join(BACKENDS)}: {frameworks.remedy('torch')}"
    raise SomaError("engine/missing", message, {"package": BACKENDS[0]})


def set_threads(backend: str, threads: int) -> None:
    if backend == "torch":
        import torch

        torch.set_num_threads(threads)
    if backend == "tensorflow":
        from .saved_model import set_threads as of_tensorflow

        of_tensorflow(threads)


def spec_of(value: Any) -> TensorSpec:
    dtype = value.dtype if isinstance(value.dtype, str) else value.dtype.name
    return TensorSpec(value.name.split(":")[0], dtype, [-1 if size is None else int(size) for size in value.shape])


def to_numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value.numpy() if hasattr(value, "numpy") else value


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]
