"""What is installed in this Python."""

from __future__ import annotations

import os
import sys
from importlib import metadata, util
from typing import Any

from soma.smi import SomaError, resident_bytes

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


#: Processes that have imported it and nothing else: torch 1.13 of Debian, Transformers 5 over that, TensorFlow 2.21, JAX 0.12; Keras
#: is nothing beside its backend.
PROCESS_BYTES = {"torch": 240_000_000, "transformers": 460_000_000, "tensorflow": 650_000_000, "keras": 650_000_000, "jax": 180_000_000}
#: What builds of PyTorch for CUDA take more, with or without a device: 2.15 took 670 MB.
CUDA_BUILD_BYTES = 430_000_000


def process_bytes(name: str) -> int:
    """What this process takes with a framework and before any weights."""
    if name in sys.modules:
        return resident_bytes()
    return PROCESS_BYTES[name] + (CUDA_BUILD_BYTES if name in ("torch", "transformers") and is_cuda_build() else 0)


def is_cuda_build() -> bool:
    """By its files; its version only says so where it does not come from PyPI."""
    found = util.find_spec("torch")
    return found is not None and os.path.exists(os.path.join(os.path.dirname(found.origin or ""), "lib", "libtorch_cuda.so"))


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
    """What a doctor shows of each framework. Only PyTorch is missed: who has no models of the others needs none of them."""
    return [check(name, title) for name, title in TITLES.items()]


def check(name: str, title: str) -> dict[str, Any]:
    about = {"id": f"python-{name}", "title": title}
    found = version(name)
    if found is not None:
        python = ".".join(str(part) for part in sys.version_info[:3])
        return {**about, "status": "ok", "detail": f"{name} {found} in {sys.executable} ({python})"}
    if name == "torch":
        return {**about, "status": "warn", "detail": "torch is not installed", "remedy": remedy(name)}
    return {**about, "status": "ok", "detail": f"{name} is not installed; nothing else needs it", "remedy": remedy(name)}


def remedy(name: str) -> str:
    """Into an environment: systems that bring a Python want nothing else put into it."""
    pip = f"{sys.executable} -m pip install"
    own = os.environ.get("SOMA_PYTHON_ENVIRONMENT")
    if sys.prefix == sys.base_prefix and own:
        pip = f"{sys.executable} -m venv --system-site-packages {own} && {own}/bin/pip install"
    return REMEDIES[name].replace("pip install", pip)
