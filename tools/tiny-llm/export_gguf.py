"""Writes the model, and adapters of it, as GGUF."""

import json
from pathlib import Path

import gguf
import numpy
from tokenizers import Tokenizer

import tokenizer as words
from llama import Llama, Shape

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_model(path: Path, model: Llama, tokenizer: Tokenizer, template: str) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    write_description(writer, model.shape)
    write_tokenizer(writer, tokenizer, template)
    for name, weight in model.named_parameters():
        values = reordered(name, weight.detach().numpy(), model.shape)
        # Norms stay in full, as llama.cpp wants them.
        writer.add_tensor(gguf_name(name) + ".weight", values.astype(numpy.float16) if values.ndim == 2 else values)
    finish(writer)


def write_description(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name("Soma Tiny")
    writer.add_license("apache-2.0")
    writer.add_description("A tiny language model to test Soma with.")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, template: str) -> None:
    tokens = [tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size())]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words.PRE)
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in words.SPECIAL else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(words.IM_START_ID)
    writer.add_eos_token_id(words.IM_END_ID)
    writer.add_eot_token_id(words.IM_END_ID)
    writer.add_pad_token_id(words.END_OF_TEXT_ID)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(template)


def write_adapter(path: Path, weights: dict[str, tuple[numpy.ndarray, numpy.ndarray]], shape: Shape, alpha: float) -> None:
    """weights: name of a linear layer -> (a float32[rank, in], b float32[out, rank])"""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name("Soma Tiny, as a pirate")
    writer.add_license("apache-2.0")
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, (a, b) in weights.items():
        writer.add_tensor(f"{gguf_name(name)}.weight.lora_a", a.astype(numpy.float16))
        writer.add_tensor(f"{gguf_name(name)}.weight.lora_b", reordered(name, b, shape).astype(numpy.float16))
    finish(writer)


def gguf_name(name: str) -> str:
    """layers.3.mlp.up_proj.weight -> blk.3.ffn_up"""
    name = name.removesuffix(".weight")
    if not name.startswith("layers."):
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[name]
    _, layer, part = name.split(".", 2)
    return f"blk.{layer}.{NAMES[part]}"


def reordered(name: str, values: numpy.ndarray, shape: Shape) -> numpy.ndarray:
    """Hugging Face rotates the halves of a head, ggml neighbours: rows of queries and keys lie in another order."""
    heads = shape.heads if "q_proj" in name else shape.kv_heads if "k_proj" in name else 0
    if heads == 0:
        return values
    return numpy.ascontiguousarray(values.reshape(heads, 2, shape.head // 2, -1).swapaxes(1, 2).reshape(values.shape))


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
