"""ExportedProgram: graphs that `torch.export` wrote, PyTorch 2.1 and later."""

from __future__ import annotations

from typing import Any

import torch

from soma.smi import LoadOptions, Package, Signature, SomaError, TensorSpec

from . import devices, frameworks
from .archive_check import check_archive_code
from .settings import Settings
from .torch_model import TorchModel, prepare, spec_of
from .torchscript import load_failed


def load(package: Package, options: LoadOptions, settings: Settings) -> TorchModel:
    if not hasattr(torch, "export") or not hasattr(torch.export, "load"):
        message = f"exported-program needs PyTorch 2.1 or newer, and here is {torch.__version__}: {frameworks.remedy('torch')}"
        raise SomaError("engine/missing", message, {"package": "torch", "version": str(torch.__version__)})
    device = prepare(options)
    file = package.file("model")
    try:
        check_archive_code(file.path, file.local_path)
        program = torch.export.load(file.local_path)
    except SomaError:
        raise
    except Exception as error:
        raise load_failed(file.path, str(error)) from error
    module = on_device(program, devices.torch_name(device))
    signature, names = read_signature(program, settings)

    def run(values: dict[str, Any]) -> Any:
        return module(*(values[name] for name in names))

    return TorchModel(run, signature, device)


def on_device(program: Any, device: str) -> Any:
    """A graph has the device that it was made on in it, which a pass of PyTorch's own changes."""
    if device == "cpu":
        return program.module()
    from torch.export.passes import move_to_device_pass

    return move_to_device_pass(program, device).module()


def read_signature(program: Any, settings: Settings) -> tuple[Signature, list[str]]:
    """The graph has shapes and dtypes of everything; inputs that were fixed numbers when it was made have none, and stay what they are."""
    placeholders = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    names = list(program.graph_signature.user_inputs)
    odd = [name for name in names if not isinstance(placeholders.get(name), torch.Tensor)]
    if odd:
        raise SomaError("model/unsupported", f'the input "{odd[0]}" of the program is no tensor', {"input": str(odd[0])})
    inputs = [spec_of(name, placeholders[name]) for name in names]
    (returned,) = [node for node in program.graph.nodes if node.op == "output"]
    values = {node.name: node.meta.get("val") for node in returned.args[0] if hasattr(node, "name")}
    answers = [values.get(name) for name in program.graph_signature.user_outputs]
    own = settings.outputs or (["output"] if len(answers) == 1 else [f"output_{index}" for index in range(len(answers))])
    outputs = [spec_of(name, value) if isinstance(value, torch.Tensor) else TensorSpec(name, "float32", None) for name, value in zip(own, answers)]
    return Signature(settings.apply(inputs), outputs), names
