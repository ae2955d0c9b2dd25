"""Weights and a configuration, put together by Transformers. The library's own code only: code that comes with a model is never run."""

from __future__ import annotations

import inspect
import os
from typing import Any

import torch
import transformers

from soma.smi import LoadOptions, Package, Signature, TensorSpec

from . import devices
from .pickled import has_configuration, missing_configuration
from .settings import Settings
from .torch_model import TorchModel, prepare
from .torchscript import load_failed

#: Inputs that models take as whole numbers; everything else that they take is a float.
INDICES = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "decoder_input_ids", "decoder_attention_mask")
#: What models take by their main input; the others of their `forward` are caches, labels and switches.
FORWARD = {
    "input_ids": ["attention_mask", "token_type_ids", "decoder_input_ids"],
    "pixel_values": [],
    "input_values": ["attention_mask"],
    "input_features": ["decoder_input_ids"],
}


def load(package: Package, options: LoadOptions, settings: Settings) -> TorchModel:
    device = prepare(options)
    model = open_model(package, settings, devices.torch_name(device))
    return TorchModel(Tensors(model).answer, read_signature(model, settings), device)


def open_model(package: Package, settings: Settings, device: str) -> Any:
    if not has_configuration(package):
        raise missing_configuration(package)
    folder = os.path.dirname(os.path.join(package.directory, package.file("model").path))
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = class_of(config).from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            torch_dtype="auto" if settings.precision == "stored" else getattr(torch, settings.precision),
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise load_failed(package.file("model").path, str(error)) from error
    return model.to(device).eval()


class Tensors(torch.nn.Module):
    """A model whose answers are its tensors by name; caches and the like are left out."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, **values: Any) -> dict[str, Any]:
        answer = self.model(**values, return_dict=True)
        return {key: value for key, value in answer.items() if isinstance(value, torch.Tensor)}

    def answer(self, values: dict[str, Any]) -> dict[str, Any]:
        return self(**values)


def class_of(config: Any) -> Any:
    """The class that the configuration names, when it is one of the library's own; else the model without a head."""
    for name in getattr(config, "architectures", None) or []:
        found = getattr(transformers, name, None)
        if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
            return found
    return transformers.AutoModel


def read_signature(model: Any, settings: Settings) -> Signature:
    main = model.main_input_name
    taken = inspect.signature(model.forward).parameters
    wanted = [main, *(name for name in FORWARD.get(main, []) if name in taken)]
    floating = str(model.dtype).removeprefix("torch.")
    inputs = [
        TensorSpec(name, "int64" if name in INDICES else floating, [-1, -1] if name in INDICES else None, optional=name != main)
        for name in wanted
    ]
    outputs = settings.outputs or output_names(model)
    return Signature(settings.apply(inputs), [TensorSpec(name, floating, None) for name in outputs])


def output_names(model: Any) -> list[str]:
    """Heads give logits; models without one their last hidden state."""
    kind = type(model).__name__
    if "For" in kind or "LMHead" in kind:
        return ["start_logits", "end_logits"] if kind.endswith("QuestionAnswering") else ["logits"]
    return ["last_hidden_state"]
