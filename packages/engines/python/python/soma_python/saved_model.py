"""TensorFlow SavedModel."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from soma.smi import LoadOptions, Package, Signature, SomaError, TensorSpec

from .numpy_model import NumpyModel, load_failed
from .settings import Settings

#: What serving tools call the signature that they ask for.
DEFAULT = "serving_default"


def load(package: Package, options: LoadOptions, settings: Settings) -> NumpyModel:
    set_threads(options.threads)
    file = package.file("model")
    folder = os.path.dirname(os.path.join(package.directory, file.path))
    try:
        program = tf.saved_model.load(folder)
    except Exception as error:
        raise load_failed(f"TensorFlow {tf.__version__}", file.path, error) from error
    names = list(program.signatures)
    if not names:
        raise SomaError("model/unsupported", f"{file.path} has no signature that says what it takes; save it with one")
    function = program.signatures[DEFAULT if DEFAULT in names else names[0]]
    _, wanted = function.structured_input_signature
    signature = Signature(
        settings.apply([spec_of(name, spec) for name, spec in sorted(wanted.items())]),
        [spec_of(name, spec) for name, spec in sorted(function.structured_outputs.items())],
    )

    def run(values: dict[str, Any]) -> dict[str, Any]:
        # The signature keeps no hold of its program; without it the variables are gone.
        assert program is not None
        answers = function(**{name: tf.constant(value, dtype=wanted[name].dtype) for name, value in values.items()})
        return {name: answer.numpy() for name, answer in answers.items()}

    return NumpyModel(run, signature, "TensorFlow")


def set_threads(threads: int) -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # It has run already in this process, with what was set then.
        pass


def spec_of(name: str, spec: Any) -> TensorSpec:
    shape = None if spec.shape.rank is None else [-1 if size is None else int(size) for size in spec.shape]
    return TensorSpec(name, spec.dtype.name, shape)
