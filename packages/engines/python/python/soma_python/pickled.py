"""Checkpoints that `torch.save` wrote: archives of TorchScript under another name, and weights."""

from __future__ import annotations

import zipfile
from typing import Any

from soma.smi import LoadOptions, Package, SomaError

from . import frameworks
from .settings import Settings


def load(package: Package, options: LoadOptions, settings: Settings) -> Any:
    """Weights are nothing without their program, which only Transformers can know, from a configuration."""
    from . import torchscript

    file = package.file("model")
    if zipfile.is_zipfile(file.local_path):
        with zipfile.ZipFile(file.local_path) as archive:
            if any(name.endswith("constants.pkl") for name in archive.namelist()):
                return torchscript.load(package, options, settings)
    elif not has_configuration(package):
        with open(file.local_path, "rb") as stream:
            # Protocol 2 of pickle, which is what PyTorch wrote before its archives.
            if stream.read(2) != b"\x80\x02":
                raise torchscript.load_failed(file.path, "it is neither an archive nor a pickle")
    if not has_configuration(package):
        raise torchscript.weights_only(file.path)
    frameworks.need("transformers", "pytorch with a configuration")
    from . import transformer

    return transformer.load(package, options, settings)


def has_configuration(package: Package) -> bool:
    return any(file.path.split("/")[-1] == "config.json" for file in package.files)


def missing_configuration(package: Package) -> SomaError:
    message = (
        f"{package.name} has weights and no config.json that says what they are part of: "
        "save the model with Transformers (save_pretrained), or as TorchScript or ONNX"
    )
    return SomaError("model/unsupported", message, {"files": [file.path for file in package.files][:20]})
