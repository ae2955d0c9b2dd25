"""PyTorch's models written as ONNX, and held against what PyTorch computes."""

from __future__ import annotations

import inspect
import math
import os
from dataclasses import dataclass
from typing import Any

import torch

from soma.smi import Context, Events, Package, SomaError, TensorSpec

from . import frameworks
from .settings import Settings, invalid
from .torch_model import flatten
from .torch_tensors import to_torch
from .torchscript import open_module, read_signature

#: Understood by every onnxruntime since 1.13, and written by every PyTorch since.
OPSET = 16
#: Free sizes in two example runs: what differs between the two is free in the outputs, too. Not 1, which broadcasting treats as a case of its own.
SIZES = (2, 3)


@dataclass(frozen=True)
class Plan:
    specs: list[TensorSpec]
    outputs: list[str]
    opset: int
    #: Whether it is called with names, and with some of them only: then it is traced as it is called.
    partial: bool
    notes: list[str]


def convert(package: Package, directory: str, settings: dict[str, Any], ctx: Context) -> Events:
    yield {"stage": "loading the model"}
    module, plan = open_transformer(package, settings) if package.format == "safetensors" else open_script(package, settings)
    ctx.check()
    yield {"stage": "running it on examples"}
    first, second = (examples(plan.specs, size) for size in SIZES)
    runs = [(first, run(module, first, plan))]
    others = try_run(module, second, plan)
    if others is not None:
        runs.append((second, others))
    axes = free_axes(plan, runs[0][1], others)
    ctx.check()
    yield {"stage": f"writing ONNX, opset {plan.opset}"}
    path = os.path.join(directory, "model.onnx")
    export(module, path, plan, first, axes)
    ctx.check()
    yield {"stage": "comparing the outputs of both"}
    plan.notes.append(compare(path, plan, runs))
    return {"files": sorted(os.listdir(directory)), "notes": plan.notes}


def open_script(package: Package, settings: dict[str, Any]) -> tuple[Any, Plan]:
    module = open_module(package)
    return module, read_plan(module, settings)


def open_transformer(package: Package, settings: dict[str, Any]) -> tuple[Any, Plan]:
    """All that it takes is an input, the optional ones too: what it would make up for them, it would make up for the example's sizes."""
    from . import transformer

    known, opset = read_settings(settings)
    model = transformer.open_model(package, known, "cpu")
    signature = transformer.read_signature(model, known)
    specs = [with_shape(spec, example_shapes(settings).get(spec.name)) for spec in signature.inputs]
    plan = Plan(specs, [spec.name for spec in signature.outputs], opset, True, [])
    return transformer.Tensors(model), plan


def read_settings(settings: dict[str, Any]) -> tuple[Settings, int]:
    opset = settings.get("opset", OPSET)
    if type(opset) is not int:
        raise invalid("opset is a whole number")
    return Settings.read({name: value for name, value in settings.items() if name not in ("exampleShapes", "opset")}), opset


def read_plan(module: Any, settings: dict[str, Any]) -> Plan:
    known, opset = read_settings(settings)
    signature, plain = read_signature(module, known)
    notes = []
    specs = []
    shapes = example_shapes(settings)
    for spec in signature.inputs:
        if spec.optional or spec.name in plain:
            if not spec.optional:
                raise SomaError("model/unsupported", f'the input "{spec.name}" is a plain {spec.dtype}, which ONNX models do not take')
            notes.append(f'The optional input "{spec.name}" is left out; the ONNX model always uses its default.')
            continue
        specs.append(with_shape(spec, shapes.get(spec.name)))
    unknown = shapes.keys() - {spec.name for spec in specs}
    if unknown:
        raise invalid(f'exampleShapes names "{sorted(unknown)[0]}", which is no input that is converted')
    return Plan(specs, [spec.name for spec in signature.outputs], opset, bool(notes), notes)


def example_shapes(settings: dict[str, Any]) -> dict[str, list[int]]:
    shapes = settings.get("exampleShapes", {})
    good = isinstance(shapes, dict) and all(
        isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape) for shape in shapes.values()
    )
    if not good:
        raise invalid('exampleShapes gives each input the sizes of an example, e.g. {"x": [1, 3, 224, 224]}')
    return shapes


def with_shape(spec: TensorSpec, example: list[int] | None) -> TensorSpec:
    """Free sizes stay free; an example makes those fixed of which nothing else is known."""
    if spec.shape is not None:
        return spec
    if example is None:
        raise invalid(
            f'the sizes of the input "{spec.name}" stand nowhere in the model: give inputs, e.g. ["{spec.name} {spec.dtype}[?, 3]"] '
            f'with ? for free ones, or exampleShapes, e.g. {{"{spec.name}": [1, 3]}}'
        )
    return TensorSpec(spec.name, spec.dtype, example)


def examples(specs: list[TensorSpec], free: int) -> list[Any]:
    torch.manual_seed(7)
    return [example(spec, [free if size < 0 else size for size in spec.shape or []]) for spec in specs]


def example(spec: TensorSpec, shape: list[int]) -> Any:
    kind = to_torch[spec.dtype]
    if kind.is_floating_point:
        return torch.rand(shape, dtype=torch.float32).to(kind)
    # Whole numbers are mostly rows of some table, which has two at least.
    return (torch.arange(math.prod(shape)) % 2).reshape(shape).to(kind)


def run(module: Any, inputs: list[Any], plan: Plan) -> dict[str, Any]:
    names = [spec.name for spec in plan.specs]
    try:
        with torch.inference_mode():
            return flatten(module(**dict(zip(names, inputs))), plan.outputs)
    except RuntimeError as error:
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in zip(names, inputs))
        reason = str(error).strip().splitlines()[-1].removeprefix("RuntimeError: ")
        raise invalid(f"the model does not run on the example inputs ({shapes}): {reason}") from error


def try_run(module: Any, inputs: list[Any], plan: Plan) -> dict[str, Any] | None:
    try:
        return run(module, inputs, plan)
    except SomaError as error:
        plan.notes.append(f"Sizes that were said to be free are not, and are fixed at {SIZES[0]}: {error.message}")
        return None


def free_axes(plan: Plan, first: dict[str, Any], second: dict[str, Any] | None) -> dict[str, dict[int, str]]:
    if second is None:
        return {}
    free = {spec.name: [axis for axis, size in enumerate(spec.shape or []) if size < 0] for spec in plan.specs}
    for name, value in first.items():
        other = second[name]
        free[name] = [axis for axis, size in enumerate(value.shape) if axis < other.dim() and other.shape[axis] != size]
    return {name: {axis: f"{name}_{axis}" for axis in axes} for name, axes in free.items() if axes}


def export(module: Any, path: str, plan: Plan, inputs: list[Any], axes: dict[str, dict[int, str]]) -> None:
    # The exporter of newer versions takes no TorchScript.
    if plan.partial:
        module = traced(module, plan, inputs)
    extra = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    try:
        torch.onnx.export(
            module,
            tuple(inputs),
            path,
            input_names=[spec.name for spec in plan.specs],
            output_names=plan.outputs,
            dynamic_axes=axes,
            opset_version=plan.opset,
            **extra,
        )
    except OSError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"PyTorch {torch.__version__} cannot write this model as ONNX of opset {plan.opset}: {reason}"
        raise SomaError("model/unsupported", message, {"opset": plan.opset}) from error


class Bound(torch.nn.Module):
    """A model that is called with some of its inputs, the others at their defaults."""

    def __init__(self, module: Any, plan: Plan):
        super().__init__()
        self.module = module
        self.names = [spec.name for spec in plan.specs]
        self.outputs = plan.outputs

    def forward(self, *inputs: Any) -> Any:
        answers = flatten(self.module(**dict(zip(self.names, inputs))), self.outputs)
        return tuple(answers[name] for name in self.outputs)


def traced(module: Any, plan: Plan, inputs: list[Any]) -> Any:
    """The exporter wants every input of a script; a trace has only those that were given. What is inside stays the script that it is."""
    return torch.jit.trace(Bound(module, plan), tuple(inputs), check_trace=False)


def compare(path: str, plan: Plan, runs: list[tuple[list[Any], dict[str, Any]]]) -> str:
    """On every example, because what was written may have the sizes of the first one in it."""
    if frameworks.version("onnxruntime") is None:
        return f"The outputs were not compared: {frameworks.remedy('onnxruntime')} makes that possible."
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    taken = {value.name for value in session.get_inputs()}
    largest = 0.0
    for inputs, expected in runs:
        feeds = {spec.name: value.numpy() for spec, value in zip(plan.specs, inputs) if spec.name in taken}
        try:
            answers = dict(zip(plan.outputs, session.run(plan.outputs, feeds)))
        except Exception as error:
            shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in feeds.items())
            raise SomaError("model/unsupported", f"what PyTorch wrote does not run on {shapes}, which the model itself does: {error}") from error
        largest = max([largest, *(difference(torch.from_numpy(answers[name]), expected[name]) for name in plan.outputs)])
    many = f"{len(runs)} examples" if len(runs) > 1 else "an example"
    return f"The outputs of both differ by {largest:.2g} at most on {many}, in onnxruntime {onnxruntime.__version__}."


def difference(one: Any, other: Any) -> float:
    if one.shape != other.shape:
        return math.inf
    return float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
