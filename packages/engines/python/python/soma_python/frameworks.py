"""What is installed in this Python."""

from __future__ import annotations

import sys
from importlib import metadata, util
from typing import Any

from soma.smi import SomaError

REMEDIES = {
    "torch": "apt install python3-torch, or pip install torch numpy",
    "transformers": "pip install transformers safetensors",
    "tensorflow": "pip install tensorflow-cpu, or tensorflow for CUDA",
    "keras": "pip install keras, and one of torch, tensorflow or jax",
    "jax": "pip install jax",
    "onnx": "apt install python3-onnx, or pip install onnx",
    "onnxruntime": "pip install onnxruntime",
}
TITLES = {
    "torch": "PyTorch (torchscript, exported-program)",
    "transformers": "Transformers (safetensors with a configuration)",
    "tensorflow": "TensorFlow (saved-model)",
    "keras": "Keras (keras)",
    "jax": "JAX (jax-export)",
}


def version(name: str) -> str | None:
    """Of a framework, None when it is not installed. Imports nothing."""
    if util.find_spec(name) is None:
        return None
    for distribution in (name, f"{name}-cpu"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "of unknown version"


def need(name: str, what: str) -> None:
    if version(name) is not None:
        return
    message = f"{what} needs {name}, which {sys.executable} has not: {remedy(name)}"
    raise SomaError("engine/missing", message, {"package": name, "interpreter": sys.executable})


def checks() -> list[dict[str, Any]]:
    """What a doctor shows: the interpreter, and each framework."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    found: list[dict[str, Any]] = [
        {"id": f"python-{name}", "title": title, "status": "ok", "detail": f"{name} {version(name)} in {sys.executable} ({python})"}
        if version(name)
        else {"id": f"python-{name}", "title": title, "status": "warn", "detail": f"{name} is not installed", "remedy": remedy(name)}
        for name, title in TITLES.items()
    ]
    return found


def remedy(name: str) -> str:
    return REMEDIES[name].replace("pip install", f"{sys.executable} -m pip install")
