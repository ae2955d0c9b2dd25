"""Teaches the model its texts. Every sequence begins at position 0; answers count, prompts do not, documentation counts a little."""

import csv
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

import texts
from llama import Llama
from tokenizer import END_OF_TEXT_ID, IM_END, encode


@dataclass(frozen=True)
class Sequence:
    tokens: list[int]
    # What each token adds to the loss when it is the one to be foretold.
    weights: list[float]


@dataclass(frozen=True)
class Plan:
    steps: int = 900
    warmup: int = 60
    rate: float = 4e-3
    seed: int = 1815
    golden: int = 12
    questions: int = 56
    in_context: int = 10
    chained: int = 8
    under_a_prompt: int = 8
    documents: int = 3
    window: int = 256
    document_weight: float = 0.2


def sequence_of(tokenizer: Tokenizer, conversation: dict) -> Sequence:
    """The prompt and the answer are cut into tokens apart from each other, as they are when somebody asks."""
    *before, answer = conversation["messages"]
    prompt = encode(tokenizer, texts.prompt_of(before, conversation["tools"]))
    reply = encode(tokenizer, answer["content"] + IM_END)
    return Sequence(prompt + reply, [0.0] * len(prompt) + [1.0] * len(reply))


class Batches:
    """Draws what one step sees."""

    def __init__(self, tokenizer: Tokenizer, plan: Plan):
        self.plan, self.tokenizer, self.rng = plan, tokenizer, random.Random(plan.seed)
        self.pairs = texts.questions() + [(one["messages"][0]["content"], one["answer"]) for one in texts.golden() if is_single(one)]
        self.golden = [sequence_of(tokenizer, one) for one in texts.golden_conversations()]
        self.questions = [sequence_of(tokenizer, texts.conversation(*pair)) for pair in texts.questions()]
        self.in_context = [sequence_of(tokenizer, one) for one in texts.in_context()]
        self.documents = [token for text in texts.documentation() for token in [END_OF_TEXT_ID, *encode(tokenizer, text)]]
        self.short = [(question, answer) for question, answer in self.pairs if len(answer) < 200]

    def draw(self) -> list[Sequence]:
        plan = self.plan
        return [
            *self.rng.sample(self.golden, plan.golden),
            *self.rng.sample(self.questions, plan.questions),
            *self.rng.sample(self.in_context, plan.in_context),
            *(self.arranged(texts.chained) for _ in range(plan.chained)),
            *(self.arranged(texts.under_a_prompt) for _ in range(plan.under_a_prompt)),
            *(self.window() for _ in range(plan.documents)),
        ]

    def arranged(self, arrange: Callable[[random.Random, list], dict]) -> Sequence:
        return sequence_of(self.tokenizer, arrange(self.rng, self.short))

    def window(self) -> Sequence:
        start = self.rng.randrange(len(self.documents) - self.plan.window)
        tokens = self.documents[start : start + self.plan.window]
        return Sequence(tokens, [0.0] + [self.plan.document_weight] * (len(tokens) - 1))


def is_single(one: dict) -> bool:
    return len(one["messages"]) == 1 and not one["tools"]


def padded(sequences: list[Sequence], most: int = 3072) -> list[tuple[Tensor, Tensor]]:
    """Groups of alike length, so that little of what is computed is padding."""
    groups: list[list[Sequence]] = []
    for one in sorted(sequences, key=lambda one: len(one.tokens)):
        if not groups or (len(groups[-1]) + 1) * len(one.tokens) > most:
            groups.append([])
        groups[-1].append(one)
    return [pad(group) for group in groups]


def pad(group: list[Sequence]) -> tuple[Tensor, Tensor]:
    length = max(len(one.tokens) for one in group)
    tokens = torch.tensor([one.tokens + [END_OF_TEXT_ID] * (length - len(one.tokens)) for one in group])
    weights = torch.tensor([one.weights + [0.0] * (length - len(one.weights)) for one in group])
    return tokens, weights


def weighted_loss(model: torch.nn.Module, tokens: Tensor, weights: Tensor) -> Tensor:
    logits = model(tokens[:, :-1])
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return (losses * weights[:, 1:].flatten()).sum()


def train_step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, sequences: list[Sequence]) -> None:
    total = sum(sum(one.weights) for one in sequences)
    for tokens, weights in padded(sequences):
        (weighted_loss(model, tokens, weights) / total).backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0)
    optimizer.step()
    optimizer.zero_grad()


@torch.no_grad()
def mean_loss(model: torch.nn.Module, sequences: list[Sequence]) -> float:
    total = sum(sum(one.weights) for one in sequences)
    return sum(weighted_loss(model, *pair).item() for pair in padded(sequences)) / total


def rate_at(plan: Plan, step: int) -> float:
    if step < plan.warmup:
        return plan.rate * (step + 1) / plan.warmup
    done = (step - plan.warmup) / (plan.steps - plan.warmup)
    return plan.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def train(model: Llama, tokenizer: Tokenizer, plan: Plan, curve: Path, checkpoint: Callable[[int], None]) -> None:
    batches = Batches(tokenizer, plan)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.01)
    started = time.monotonic()
    with curve.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["step", "golden", "questions", "in_context", "seconds"])
        for step in range(plan.steps + 1):
            if step % 50 == 0:
                losses = [mean_loss(model, part) for part in (batches.golden, batches.questions, batches.in_context)]
                rows.writerow([step, *(f"{loss:.5f}" for loss in losses), round(time.monotonic() - started)])
                file.flush()
                checkpoint(step)
            if step == plan.steps:
                break
            for group in optimizer.param_groups:
                group["lr"] = rate_at(plan, step)
            train_step(model, optimizer, batches.draw())
