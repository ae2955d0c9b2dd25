"""Trains a network of 25 weights to tell equal bits from different ones, and writes it as TorchScript: python3 make-model.py <file>"""

import sys

import torch

torch.manual_seed(7)
network = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1), torch.nn.Sigmoid())
bits = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
differ = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
for _ in range(500):
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy(network(bits), differ).backward()
    optimizer.step()


class Differ(torch.nn.Module):
    """Names its input, which is what callers have to know."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.network = inner

    def forward(self, bits: torch.Tensor) -> torch.Tensor:
        return self.network(bits)


torch.jit.script(Differ(network)).save(sys.argv[1])
