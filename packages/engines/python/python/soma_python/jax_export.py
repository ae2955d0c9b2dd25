"""Functions that `jax.export` wrote: StableHLO, with the shapes and types of what goes in and comes out."""

from __future__ import annotations

import re
from typing import Any

import jax
from jax import export

from soma.smi import LoadOptions, Package, Signature, TensorSpec

from .numpy_model import NumpyModel, load_failed
from .settings import Settings


def load(package: Package, options: LoadOptions, settings: Settings) -> NumpyModel:
    file = package.file("model")
    try:
        with open(file.local_path, "rb") as stream:
            program = export.deserialize(bytearray(stream.read()))
    except Exception as error:
        raise load_failed(f"JAX {jax.__version__}", file.path, error) from error
    arguments, keywords = jax.tree_util.tree_unflatten(program.in_tree, range(len(program.in_avals)))
    names = [*names_of("input", arguments), *names_of("", keywords)]
    results = jax.tree_util.tree_unflatten(program.out_tree, range(len(program.out_avals)))
    outputs = settings.outputs or names_of("output", results)
    call = jax.jit(program.call)

    def run(values: dict[str, Any]) -> dict[str, Any]:
        given, named = jax.tree_util.tree_unflatten(program.in_tree, [values[name] for name in names])
        return dict(zip(outputs, jax.tree_util.tree_leaves(call(*given, **named))))

    signature = Signature(
        settings.apply([spec_of(name, value) for name, value in zip(names, program.in_avals)]),
        [spec_of(name, value) for name, value in zip(outputs, program.out_avals)],
    )
    return NumpyModel(run, signature, "JAX")


def names_of(prefix: str, tree: Any) -> list[str]:
    """Where each leaf stands: `input_0`, `params.kernel`; of a single one the prefix alone."""
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    parts = [re.findall(r"\w+", path) for path in paths]
    if len(parts) == 1 and not any(not part.isdigit() for part in parts[0]):
        return [prefix]
    return ["_".join([prefix, *part]).strip("_") if all(p.isdigit() for p in part) else ".".join(part) for part in parts]


def spec_of(name: str, value: Any) -> TensorSpec:
    return TensorSpec(name, str(value.dtype), [size if isinstance(size, int) else -1 for size in value.shape])
