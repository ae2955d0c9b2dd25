"""Writes the model as Hugging Face repositories hold it: weights in safetensors, and the configuration that names them."""

import json
from pathlib import Path

from safetensors.torch import save_file

import tokenizer as words
from llama import Llama


def write_configuration(folder: Path, model: Llama) -> None:
    shape = model.shape
    ids = {"bos_token_id": words.IM_START_ID, "eos_token_id": words.IM_END_ID, "pad_token_id": words.END_OF_TEXT_ID}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": shape.norm_epsilon,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        **ids,
    }
    # The longest text, because the default of some libraries is 20 tokens.
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {**ids, "do_sample": False, "max_length": shape.context})


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_safetensors(path: Path, model: Llama) -> None:
    weights = {f"model.{name}": weight.detach().half().contiguous() for name, weight in model.named_parameters()}
    save_file(weights, path, metadata={"format": "pt"})
