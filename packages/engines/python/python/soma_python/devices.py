"""Devices as the host names them (`cpu`, `cuda:0`, `rocm:0`, `metal:0`), and as PyTorch does (`cpu`, `cuda:0`, `mps`)."""

from __future__ import annotations

from typing import Any

from soma.smi import SomaError


def available(torch: Any) -> list[str]:
    """Best first, `cpu` last."""
    return [*_gpus(torch), *(["metal:0"] if _has_mps(torch) else []), "cpu"]


def choose(torch: Any, wanted: str | None) -> str:
    """The device that is asked for; the best one when nobody asks."""
    found = available(torch)
    if wanted is None:
        return found[0]
    if wanted in found:
        return wanted
    message = f"PyTorch {torch.__version__} here has no device {wanted}; it has {', '.join(found)}"
    raise SomaError("engine/missing", message, {"device": wanted, "devices": found})


def torch_name(device: str) -> str:
    """PyTorch calls AMD's devices cuda, too."""
    kind, _, index = device.partition(":")
    return "mps" if kind == "metal" else f"cuda:{index}" if kind in ("cuda", "rocm") else "cpu"


def memory_bytes(torch: Any, device: str) -> dict[str, int]:
    """What this process holds of the accelerator's memory, by its id."""
    if device == "cpu":
        return {}
    if device.startswith("metal"):
        return {device: int(torch.mps.driver_allocated_memory())}
    return {device: int(torch.cuda.memory_reserved(torch_name(device)))}


def failure(error: RuntimeError, device: str) -> SomaError | None:
    """What the accelerator did, where that is the reason."""
    text = str(error)
    if "out of memory" in text:
        return SomaError("resource/exhausted", f"{device} has no memory left for this call: {text.splitlines()[0]}")
    if device != "cpu" and any(word in text for word in ("CUDA error", "HIP error", "cuDNN error", "cublas", "MPS backend")):
        return SomaError("engine/device-lost", f"{device} failed: {text.splitlines()[0]}", {"device": device})
    return None


def _gpus(torch: Any) -> list[str]:
    if not torch.cuda.is_available():
        return []
    kind = "rocm" if getattr(torch.version, "hip", None) else "cuda"
    return [f"{kind}:{index}" for index in range(torch.cuda.device_count())]


def _has_mps(torch: Any) -> bool:
    backend = getattr(torch.backends, "mps", None)
    return backend is not None and backend.is_available()
