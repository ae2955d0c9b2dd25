"""What a manifest, or a caller, may set for this engine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from soma.smi import SomaError, TensorSpec, dtypes

#: `x float32[?, 3]`, `x float32[...]`, `x float32[]`.
SPEC = re.compile(r"^\s*(\S+?)\s*[:=]?\s+(\w+)\s*\[\s*(\.\.\.|(?:(?:\?|\d+)\s*(?:,\s*(?:\?|\d+)\s*)*)?)\s*\]\s*$")
PRECISIONS = ("stored", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Settings:
    #: What is known of inputs beyond what the model says, by name.
    inputs: dict[str, TensorSpec] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    finite: list[str] = field(default_factory=list)
    precision: str = "stored"

    @staticmethod
    def read(values: dict[str, Any]) -> Settings:
        unknown = values.keys() - {"inputs", "outputs", "finite", "precision"}
        if unknown:
            raise invalid(f'it has no setting "{sorted(unknown)[0]}"; there are inputs, outputs, finite, precision')
        specs = [parse_spec(text) for text in texts(values, "inputs")]
        precision = values.get("precision", "stored")
        if precision not in PRECISIONS:
            raise invalid(f"precision is one of {', '.join(PRECISIONS)}")
        return Settings({spec.name: spec for spec in specs}, texts(values, "outputs"), texts(values, "finite"), precision)

    def apply(self, specs: list[TensorSpec]) -> list[TensorSpec]:
        """Inputs as the model says them, with what is known beyond that."""
        names = {spec.name for spec in specs}
        for name in [*self.inputs, *self.finite]:
            if name not in names:
                raise invalid(f'the model has no input "{name}"; it has {", ".join(sorted(names)) or "none"}')
        return [self._apply(spec) for spec in specs]

    def _apply(self, spec: TensorSpec) -> TensorSpec:
        known = self.inputs.get(spec.name, spec)
        return TensorSpec(spec.name, known.dtype, known.shape, spec.name in self.finite, spec.optional, spec.description)


def texts(values: dict[str, Any], name: str) -> list[str]:
    found = values.get(name, [])
    if isinstance(found, list) and all(isinstance(text, str) for text in found):
        return found
    raise invalid(f"{name} is a list of texts")


def parse_spec(text: str) -> TensorSpec:
    match = SPEC.match(text)
    if match is None or match[2] not in dtypes:
        raise invalid(f'"{text}" cannot be read as an input; expected e.g. "x float32[?, 3]"')
    name, dtype, sizes = match.groups()
    if sizes == "...":
        return TensorSpec(name, dtype, None)
    return TensorSpec(name, dtype, [-1 if size.strip() == "?" else int(size) for size in sizes.split(",") if size.strip()])


def invalid(why: str) -> SomaError:
    return SomaError("config/invalid", f"the python engine does not take these settings: {why}")
