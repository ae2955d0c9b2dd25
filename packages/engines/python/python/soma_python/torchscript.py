"""TorchScript: programs and weights in one archive, made by `torch.jit.trace` or `torch.jit.script`."""

from __future__ import annotations

import re
import zipfile
from typing import Any

import torch

from soma.smi import LoadOptions, Package, Signature, SomaError, TensorSpec

from . import devices
from .archive_check import check_archive_code
from .settings import Settings
from .torch_model import PLAIN, TorchModel, first_floating, prepare


def load(package: Package, options: LoadOptions, settings: Settings) -> TorchModel:
    device = prepare(options)
    module = open_module(package, device)
    signature, plain = read_signature(module, settings)

    def run(values: dict[str, Any]) -> Any:
        return module(**values)

    return TorchModel(run, signature, device, plain)


def open_module(package: Package, device: str = "cpu") -> Any:
    """Nothing is unpickled but what TorchScript's own reader reads, which knows no classes of Python."""
    file = package.file("model")
    check_archive(file.path, file.local_path)
    check_archive_code(file.path, file.local_path)
    try:
        return torch.jit.load(file.local_path, map_location=devices.torch_name(device)).eval()
    except (RuntimeError, ValueError) as error:
        raise load_failed(file.path, str(error)) from error


def check_archive(path: str, local_path: str) -> None:
    """A checkpoint of weights has no program in it, and TorchScript's reader does not say so."""
    try:
        with zipfile.ZipFile(local_path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise load_failed(path, str(error)) from error
    if not any(name.endswith("constants.pkl") for name in names) and any(name.endswith("data.pkl") for name in names):
        raise weights_only(path)


def weights_only(path: str) -> SomaError:
    message = (
        f"{path} holds weights and no program: which computation they belong to stands in the Python code they come from. "
        "Save it there as TorchScript (torch.jit.trace), as an ExportedProgram (torch.export) or as ONNX; "
        "with a config.json of Transformers beside it, that library can run it"
    )
    return SomaError("model/unsupported", message, {"path": path})


def read_signature(module: Any, settings: Settings) -> tuple[Signature, frozenset[str]]:
    """Inputs as `forward` says them, and which of them are no tensors."""
    schema = module.forward.schema
    indices = index_inputs(module)
    floating = first_floating([*module.parameters(), *module.buffers()])
    inputs, plain = [], set()
    for argument in schema.arguments[1:]:
        text = str(argument.type)
        kind = text.removeprefix("Optional[").removesuffix("]").removesuffix("?")
        optional = argument.has_default_value()
        if kind == "Tensor":
            inputs.append(TensorSpec(argument.name, "int64" if argument.name in indices else floating, None, optional=optional))
        elif kind in PLAIN:
            inputs.append(TensorSpec(argument.name, PLAIN[kind], [], optional=optional))
            plain.add(argument.name)
        elif not optional:
            message = f'the input "{argument.name}" of forward is a {text}; models here take tensors, numbers and truth values'
            raise SomaError("model/unsupported", message, {"input": argument.name, "type": text})
    return Signature(settings.apply(inputs), read_outputs(module, settings)), frozenset(plain)


def index_inputs(module: Any) -> set[str]:
    """Inputs that look rows of a table up, and so are whole numbers: the graph does not say it, but its first operators do."""
    graph = module.inlined_graph
    found = set()
    for value in list(graph.inputs())[1:]:
        for use in value.uses():
            if use.user.kind() == "aten::embedding" and use.offset == 1:
                found.add(value.debugName().split(".")[0])
    return found


def read_outputs(module: Any, settings: Settings) -> list[TensorSpec]:
    """Their dtypes and shapes are known after a run; until then nothing is claimed of them but the type that is most likely."""
    floating = first_floating([*module.parameters(), *module.buffers()])
    names = settings.outputs or output_names(module)
    return [TensorSpec(name, floating, None) for name in names]


def output_names(module: Any) -> list[str]:
    (returned,) = module.forward.schema.returns
    # A graph's parts are gone with it, so that it needs a name here.
    graph = module.inlined_graph
    named = NAMED_TUPLE.search(str(next(graph.outputs()).node()))
    if named:
        return [entry.split(":")[0].strip() for entry in named[1].split(",")]
    count = count_tensors(returned.type)
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


#: PyTorch shows the names of a NamedTuple's fields only in the text of a graph.
NAMED_TUPLE = re.compile(r"NamedTuple\(([^()]*)\)")


def count_tensors(kind: Any) -> int:
    if kind.kind() == "TupleType":
        return sum(count_tensors(element) for element in kind.elements())
    if kind.kind() not in ("DictType", "ListType"):
        return 1
    what = "a dictionary" if kind.kind() == "DictType" else "a list"
    message = f'the model gives {what}, and what is in it stands nowhere; say it in the settings: outputs, e.g. ["logits"]'
    raise SomaError("config/invalid", message)


def load_failed(path: str, why: str) -> SomaError:
    reason = why.strip().splitlines()[0] if why.strip() else "no reason given"
    return SomaError("model/load-failed", f"PyTorch {torch.__version__} cannot load {path}: {reason}", {"path": path})
