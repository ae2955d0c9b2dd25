"""Makes TorchScript models whose answers are known, in the folder that is its argument."""

import sys, torch
from typing import List, NamedTuple, Optional

folder = sys.argv[1]

class Arithmetic(torch.nn.Module):
    def forward(self, a, b):
        return a + b, a * b

class Answer(NamedTuple):
    rows: torch.Tensor
    sums: torch.Tensor

class Table(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding.from_pretrained(torch.arange(12.0).reshape(4, 3))
    def forward(self, ids, scale: Optional[torch.Tensor] = None, times: float = 1.0):
        rows = self.table(ids) * times
        if scale is not None:
            rows = rows * scale
        return Answer(rows, rows.sum(-1))

class Odd(torch.nn.Module):
    def forward(self, x, do: int):
        if do == 1:
            raise RuntimeError('it was asked to fail')
        while do == 2:
            x = x + 1
        return x

class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
            self.linear.bias.copy_(torch.tensor([0.5, -0.5]))
    def forward(self, x):
        return torch.relu(self.linear(x))

class Names(torch.nn.Module):
    def forward(self, x: List[str]):
        return torch.zeros(len(x))

example = (torch.rand(2, 3), torch.rand(2, 3))
torch.jit.save(torch.jit.trace(Arithmetic(), example), folder + '/arithmetic.pt')
torch.jit.save(torch.jit.script(Table()), folder + '/table.pt')
torch.jit.save(torch.jit.script(Odd()), folder + '/odd.pt')
torch.jit.save(torch.jit.script(Linear()), folder + '/linear.pt')
torch.jit.save(torch.jit.script(Names()), folder + '/names.pt')
torch.save(Linear().state_dict(), folder + '/weights.pt')
