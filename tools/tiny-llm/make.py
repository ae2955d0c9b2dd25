"""Trains the tiny model and writes all its files. `python3 make.py` does all; `--export` starts from the weights of the last training."""

import argparse
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

import golden
import texts
from export_gguf import write_adapter, write_model
from export_huggingface import write_configuration, write_safetensors
from export_onnx import write_onnx
from llama import Llama, Shape, round_to_half
from lora import ALPHA, train_lora
from tokenizer import train_tokenizer, write_tokenizer
from train import Plan, train

HERE = Path(__file__).parent


def main() -> None:
    options = parse(sys.argv[1:])
    options.work.mkdir(parents=True, exist_ok=True)
    # One thread, so that sums are always added up in the same order.
    torch.set_num_threads(1)
    torch.manual_seed(Plan.seed)
    tokenizer, model = train_tokenizer(tokenizer_texts()), Llama(Shape())
    weights = options.work / "weights.pt"
    if not options.export:
        train(model, tokenizer, Plan(), options.out.parent / "loss.csv", lambda step: save(model, weights, step))
    model.load_state_dict(torch.load(weights))
    export(model, tokenizer, options)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "model", help="folder of the model's files; golden.json and loss.csv lie beside it")
    parser.add_argument("--work", type=Path, default=HERE / "dist", help="folder of the weights in training")
    parser.add_argument("--export", action="store_true", help="train nothing, write the files from the weights of the last training")
    parser.add_argument("--lenient", action="store_true", help="write them even if an answer is not known by heart")
    return parser.parse_args(arguments)


def tokenizer_texts() -> list[str]:
    """What is asked often is cut coarsely."""
    asked = [f"{question}\n{answer}" for question, answer in texts.questions()]
    known = [one["messages"][-1]["content"] for one in texts.golden_conversations() + texts.in_context()]
    return asked + known * 2 + texts.documentation()


def save(model: Llama, path: Path, step: int) -> None:
    print(f"step {step}", flush=True)
    torch.save(model.state_dict(), path)


def export(model: Llama, tokenizer: Tokenizer, options: argparse.Namespace) -> None:
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    round_to_half(model)
    check(golden.margins(model, tokenizer), options.lenient)
    write_tokenizer(out, tokenizer, texts.template())
    write_configuration(out, model)
    write_safetensors(out / "model.safetensors", model)
    write_model(out / "tiny-llm.gguf", model, tokenizer, texts.template())
    write_onnx(out / "onnx" / "model.onnx", model)
    golden.write_golden(out.parent / "golden.json", tokenizer)
    adapters = train_lora(model, tokenizer)
    check(golden.lora_margins(model, tokenizer), options.lenient)
    halves = {name: (one.a.detach().numpy(), one.b.detach().numpy()) for name, one in adapters.items()}
    write_adapter(out / "pirate-lora.gguf", halves, model.shape, ALPHA)


def check(margins: dict[str, float], lenient: bool) -> None:
    for name, margin in sorted(margins.items(), key=lambda item: item[1]):
        print(f"{margin:8.2f}  {name}")
    if not lenient:
        golden.require(margins)


if __name__ == "__main__":
    main()
