"""What the host says of a model and how it is to be loaded; what an engine says of its inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence, TypeVar

from .errors import SomaError
from .tensors import Tensor


Kind = TypeVar("Kind")


@dataclass(frozen=True)
class PackageFile:
    #: Path inside the package, `/`-separated.
    path: str
    #: Absolute path on this machine. Read-only.
    local_path: str
    size_bytes: int


@dataclass(frozen=True)
class Package:
    name: str
    format: str
    task: str
    #: A folder that holds the files under their package paths.
    directory: str
    files: Sequence[PackageFile]
    #: Role → path inside the package.
    roles: dict[str, str]

    def file(self, role: str) -> PackageFile:
        """The file that plays a role."""
        path = self.roles.get(role)
        for file in self.files:
            if file.path == path:
                return file
        why = f'has no file for the role "{role}"' if path is None else f'does not hold the file {path} of its role "{role}"'
        raise SomaError("model/load-failed", f"the package {self.name} {why}", {"role": role, "roles": self.roles})

    @staticmethod
    def read(value: Any) -> Package:
        files = [PackageFile(_text(file, "path"), _text(file, "localPath"), _count(file, "sizeBytes")) for file in _list(value, "files")]
        name, form, task, directory = (_text(value, key) for key in ("name", "format", "task", "directory"))
        return Package(name, form, task, directory, files, _object(value, "roles"))


@dataclass(frozen=True)
class LoadOptions:
    #: CPU threads; the host decides, engines never count cores themselves.
    threads: int
    #: Where to run it: `cpu`, or an accelerator's id; the engine's own choice when None.
    device: str | None
    state_directory: str | None
    #: Overwrite prompts, answers and their caches in memory after use.
    scrub: bool
    #: The engine's own options, for the engine to check.
    settings: dict[str, Any]

    @staticmethod
    def read(value: Any) -> LoadOptions:
        settings = _object(value, "settings")
        return LoadOptions(
            threads=max(1, _count(value, "threads")),
            device=value.get("device"),
            state_directory=value.get("stateDirectory"),
            scrub=value.get("scrub", False),
            settings=settings,
        )


@dataclass(frozen=True)
class TensorSpec:
    name: str
    dtype: str
    #: -1 where the size is free. None when even the rank is free.
    shape: Sequence[int] | None
    #: The model does not take NaN or infinity here.
    finite: bool = False
    #: May be left out.
    optional: bool = False
    description: str | None = None

    def to_message(self) -> dict[str, Any]:
        message: dict[str, Any] = {"name": self.name, "dtype": self.dtype, "shape": None if self.shape is None else list(self.shape)}
        if self.finite:
            message["finite"] = True
        if self.optional:
            message["optional"] = True
        return {**message, "description": self.description} if self.description is not None else message

    def describe(self) -> str:
        return _describe(self.dtype, self.shape)


@dataclass(frozen=True)
class Signature:
    inputs: Sequence[TensorSpec] = field(default_factory=list)
    outputs: Sequence[TensorSpec] = field(default_factory=list)

    def to_message(self) -> dict[str, Any]:
        return {"inputs": [spec.to_message() for spec in self.inputs], "outputs": [spec.to_message() for spec in self.outputs]}

    def check_inputs(self, tensors: Iterable[Tensor]) -> dict[str, Tensor]:
        """Every required input there, none unknown or twice, dtype, rank and fixed sizes right, finite where the model wants that."""
        specs = {spec.name: spec for spec in self.inputs}
        seen: dict[str, Tensor] = {}
        for tensor in tensors:
            spec = specs.get(tensor.name)
            if spec is None:
                raise _mismatch(tensor.name, f"one of the model's inputs: {', '.join(specs)}", "an input of this name")
            if tensor.name in seen:
                raise _mismatch(tensor.name, "one tensor", "it twice")
            _check_input(spec, tensor)
            seen[tensor.name] = tensor
        for spec in self.inputs:
            if spec.name not in seen and not spec.optional:
                raise _mismatch(spec.name, spec.describe(), "nothing")
        return seen

    def check_outputs(self, wanted: Sequence[str] | None) -> list[str]:
        """The names that are wanted; all when None."""
        names = [spec.name for spec in self.outputs]
        for name in wanted or []:
            if name not in names:
                message = f'the model has no output "{name}"; it has {", ".join(names)}'
                raise SomaError("call/invalid-input", message, {"output": name, "outputs": names})
        return names if wanted is None else list(wanted)


def _check_input(spec: TensorSpec, tensor: Tensor) -> None:
    if tensor.dtype != spec.dtype or not _fits(spec.shape, tensor.shape):
        raise _mismatch(spec.name, spec.describe(), _describe(tensor.dtype, tensor.shape))
    if spec.finite:
        index = tensor.first_non_finite()
        if index >= 0:
            raise _mismatch(spec.name, "finite numbers", f"NaN or infinity at element {index}")


def _fits(expected: Sequence[int] | None, actual: Sequence[int]) -> bool:
    if expected is None:
        return True
    return len(expected) == len(actual) and all(size in (-1, found) for size, found in zip(expected, actual))


def _describe(dtype: str, shape: Sequence[int] | None) -> str:
    return f"{dtype}[{'...' if shape is None else ', '.join('?' if size < 0 else str(size) for size in shape)}]"


def _mismatch(name: str, expected: str, actual: str) -> SomaError:
    message = f'input "{name}": expected {expected}, got {actual}'
    return SomaError("model/input-mismatch", message, {"input": name, "expected": expected, "actual": actual})


def _field(value: Any, key: str, kind: type[Kind]) -> Kind:
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, kind) and not (kind is int and isinstance(found, bool)):
        return found
    raise SomaError("call/invalid-input", f'the input is not valid: "{key}" is not the {kind.__name__} that it should be', {"field": key})


def _text(value: Any, key: str) -> str:
    return _field(value, key, str)


def _count(value: Any, key: str) -> int:
    return _field(value, key, int)


def _list(value: Any, key: str) -> list[Any]:
    return _field(value, key, list)


def _object(value: Any, key: str) -> dict[str, Any]:
    return _field(value, key, dict)
