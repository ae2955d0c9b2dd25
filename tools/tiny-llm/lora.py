"""A low-rank adapter that makes a pirate of the trained model."""

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

import texts
from llama import Llama
from train import sequence_of, train_step

RANK = 4
ALPHA = 8.0


class Adapted(nn.Module):
    def __init__(self, base: nn.Linear):
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(RANK, base.in_features) / base.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + F.linear(F.linear(x, self.a), self.b) * (ALPHA / RANK)


def adapt(model: Llama) -> dict[str, Adapted]:
    """Puts an adapter on every linear layer; the model's own weights stay as they are."""
    model.requires_grad_(False)
    found = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    adapters = {name: Adapted(part) for name, part in found}
    for name, adapter in adapters.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, adapter)
    return adapters


def train_lora(model: Llama, tokenizer: Tokenizer, steps: int = 300) -> dict[str, Adapted]:
    torch.manual_seed(1723)
    adapters = adapt(model)
    weights = [part for adapter in adapters.values() for part in (adapter.a, adapter.b)]
    optimizer = torch.optim.AdamW(weights, lr=3e-3, weight_decay=0.0)
    wanted = [sequence_of(tokenizer, one) for one in texts.lora_conversations()]
    for _ in range(steps):
        train_step(model, optimizer, wanted)
    with torch.no_grad():
        for weight in weights:
            weight.copy_(weight.half().float())
    return adapters
