"""Which format is run by what, and whether that is installed here."""

from __future__ import annotations

import importlib
from typing import Any

from soma.smi import Context, Engine, LoadOptions, Model, Package, SomaError

from . import devices, frameworks
from .settings import Settings

#: Format → the module here that loads it, and the frameworks that it needs.
LOADERS = {
    "torchscript": ("torchscript", ["torch"]),
    "exported-program": ("exported_program", ["torch"]),
    "safetensors": ("transformer", ["torch", "transformers"]),
    "pytorch": ("pickled", ["torch"]),
    "saved-model": ("saved_model", ["tensorflow"]),
    "keras": ("keras_model", ["keras"]),
    "jax-export": ("jax_export", ["jax"]),
}
#: What `convert` takes.
CONVERTED = ("torchscript", "safetensors")
#: Memory per byte of weights on disk: the weights once, and a quarter for activations and what operators prepare.
WEIGHT_FACTOR = 1.25


class PythonEngine(Engine):
    def __init__(self, descriptor: dict[str, Any]):
        self.descriptor = descriptor

    def warm_up(self) -> None:
        """While nobody waits: the import of torch is most of a small model's load."""
        if frameworks.version("torch"):
            importlib.import_module("torch")

    def probe(self, host: dict[str, Any]) -> dict[str, Any]:
        checks = frameworks.checks()
        supported = any(frameworks.version(name) for name in frameworks.TITLES)
        torch = importlib.import_module("torch") if frameworks.version("torch") else None
        found = devices.available(torch) if torch else ["cpu"]
        reason = "" if supported else "none of the frameworks is installed in this Python: " + frameworks.remedy("torch")
        return {"supported": supported, "reason": reason, "devices": found if supported else [], "checks": checks}

    def estimate(self, package: Package, options: LoadOptions) -> dict[str, Any]:
        _, needed = LOADERS.get(package.format, ("", ["torch"]))
        weights = sum(file.size_bytes for file in package.files)
        return {"residentBytes": frameworks.process_bytes(needed[-1]) + int(weights * WEIGHT_FACTOR)}

    def load(self, package: Package, options: LoadOptions, ctx: Context) -> Model:
        settings = Settings.read(options.settings)
        return loader(package.format).load(package, options, settings)

    def convert(self, package: Package, to: str, directory: str, settings: dict[str, Any], ctx: Context) -> Any:
        if to not in self.descriptor["converts"] or package.format not in CONVERTED:
            into = ", ".join(self.descriptor["converts"])
            message = f"the python engine does not convert {package.format} into {to}; it converts {' and '.join(CONVERTED)} into {into}"
            raise SomaError("model/unsupported", message, {"format": package.format, "to": to})
        return loader(package.format, "onnx_export").convert(package, directory, settings, ctx)


def loader(format: str, module: str | None = None) -> Any:
    """The module for a format; raises `engine/missing` that says what to install."""
    if format not in LOADERS:
        raise SomaError("model/unsupported", f"the python engine does not load {format}; it loads {', '.join(LOADERS)}")
    name, needed = LOADERS[format]
    for framework in needed:
        frameworks.need(framework, format)
    return importlib.import_module(f".{module or name}", __package__)
