"""Checks in torch that the model says exactly its golden answers, and by how much; writes golden.json."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

import texts
from tokenizer import IM_END_ID, encode

# Other kernels, half precision and batches move a logit by about 0.01; below this, an answer could flip.
LEAST_MARGIN = 0.5


def written(tokenizer: Tokenizer) -> list[dict]:
    """Every golden prompt and answer with its tokens; those of the answer without the <|im_end|> that follows."""
    adapted = {one["name"]: one["answer"] for one in texts.lora()}
    return [{**entry(tokenizer, one), **adapted_entry(tokenizer, adapted.get(one["name"]))} for one in texts.golden()]


def entry(tokenizer: Tokenizer, one: dict) -> dict:
    prompt = texts.prompt_of(one["messages"], one["tools"])
    tools = {"tools": one["tools"]} if one["tools"] else {}
    return {
        "name": one["name"],
        "messages": one["messages"],
        **tools,
        "answer": one["answer"],
        "tokens": encode(tokenizer, one["answer"]),
        "promptTokens": encode(tokenizer, prompt),
    }


def adapted_entry(tokenizer: Tokenizer, answer: str | None) -> dict:
    return {} if answer is None else {"lora": {"answer": answer, "tokens": encode(tokenizer, answer)}}


@torch.no_grad()
def margin(model: torch.nn.Module, prompt: list[int], answer: list[int]) -> float:
    """How far the wanted token's logit is above the best other one, at the closest step; negative if the model says something else."""
    wanted = torch.tensor([*answer, IM_END_ID])
    logits = model(torch.tensor([[*prompt, *answer]]))[0, len(prompt) - 1 :]
    own = logits.gather(1, wanted[:, None])[:, 0]
    return (own - logits.scatter(1, wanted[:, None], -torch.inf).amax(1)).min().item()


def margins(model: torch.nn.Module, tokenizer: Tokenizer) -> dict[str, float]:
    return {one["name"]: margin(model, one["promptTokens"], one["tokens"]) for one in written(tokenizer)}


def lora_margins(model: torch.nn.Module, tokenizer: Tokenizer) -> dict[str, float]:
    adapted = [one for one in written(tokenizer) if "lora" in one]
    return {one["name"]: margin(model, one["promptTokens"], one["lora"]["tokens"]) for one in adapted}


def require(found: dict[str, float]) -> None:
    weak = {name: round(value, 3) for name, value in found.items() if value < LEAST_MARGIN}
    if weak:
        raise SystemExit(f"not known by heart: {weak}")


def write_golden(path: Path, tokenizer: Tokenizer) -> None:
    path.write_text("[\n" + ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in written(tokenizer)) + "\n]\n")
