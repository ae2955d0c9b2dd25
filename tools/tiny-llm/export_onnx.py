"""Writes the model as ONNX, with the inputs and outputs that text generation in transformers.js feeds: a cache of keys and values.

The graph is written operator by operator, so that it is the same on every machine. Weights lie there in half precision and are
calculated with in full: a runtime casts them once, when it loads.
"""

from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from llama import Llama, frequencies


class Graph:
    """Nodes under construction; each method returns the name of what it calculates."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"node_{len(self.nodes)}", **attributes))
        return name

    def constant(self, name: str, values: object, dtype: type) -> str:
        self.weights[name] = numpy_helper.from_array(numpy.array(values, dtype=dtype), name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant(f"ints_{'_'.join(map(str, values))}", values, numpy.int64)

    def half(self, name: str, values: numpy.ndarray) -> str:
        return self.constant(name, values, numpy.float16)

    def weight(self, name: str, values: numpy.ndarray) -> str:
        return self.op("Cast", self.half(name, values), to=TensorProto.FLOAT)


class LlamaGraph(Graph):
    def __init__(self, model: Llama) -> None:
        super().__init__()
        self.shape = model.shape
        self.values = {name: weight.detach().numpy() for name, weight in model.named_parameters()}

    def build(self) -> None:
        embedding = self.half("embed_tokens", self.values["embed_tokens.weight"])
        x = self.op("Cast", self.op("Gather", embedding, "input_ids"), to=TensorProto.FLOAT)
        cos, sin, bias = *self.angles(), self.bias()
        for layer in range(self.shape.layers):
            x = self.op("Add", x, self.attention(layer, self.norm(x, f"layers.{layer}.input_layernorm"), (cos, sin, bias)))
            x = self.op("Add", x, self.feed_forward(layer, self.norm(x, f"layers.{layer}.post_attention_layernorm")))
        head = self.op("Cast", self.op("Transpose", embedding, perm=[1, 0]), to=TensorProto.FLOAT)
        self.op("MatMul", self.norm(x, "norm"), head, output="logits")

    def angles(self) -> tuple[str, str]:
        """Cosine and sine of each position's rotation: float32[batch, 1, length, head]."""
        inverse = self.constant("frequencies", frequencies(self.shape).repeat(2).numpy(), numpy.float32)
        positions = self.op("Cast", self.op("Unsqueeze", "position_ids", self.ints(1, 3)), to=TensorProto.FLOAT)
        angles = self.op("Mul", positions, inverse)
        return self.op("Cos", angles), self.op("Sin", angles)

    def bias(self) -> str:
        """0 where a token may look, a huge negative number elsewhere: float32[batch, 1, 1, length, all]."""
        length = self.op("Shape", "input_ids", start=1, end=2)
        total = self.op("Shape", "attention_mask", start=1, end=2)
        zero, one, axis = self.constant("zero", 0, numpy.int64), self.constant("one", 1, numpy.int64), self.ints(0)
        end, begin = self.op("Squeeze", total, axis), self.op("Squeeze", self.op("Sub", total, length), axis)
        rows = self.op("Unsqueeze", self.op("Range", begin, end, one), self.ints(1))
        earlier = self.op("LessOrEqual", self.op("Range", zero, end, one), rows)
        real = self.op("Unsqueeze", self.op("Cast", "attention_mask", to=TensorProto.BOOL), self.ints(1, 2, 3))
        seen, unseen = self.constant("seen", 0, numpy.float32), self.constant("unseen", -1e30, numpy.float32)
        return self.op("Where", self.op("And", earlier, real), seen, unseen)

    def norm(self, x: str, name: str) -> str:
        mean = self.op("ReduceMean", self.op("Mul", x, x), axes=[-1], keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.constant("epsilon", self.shape.norm_epsilon, numpy.float32)))
        return self.op("Mul", self.op("Div", x, root), self.weight(name, self.values[f"{name}.weight"]))

    def linear(self, x: str, name: str) -> str:
        return self.op("MatMul", x, self.weight(name, self.values[f"{name}.weight"].T))

    def heads(self, x: str, name: str, count: int) -> str:
        """float32[batch, count, length, head]"""
        parted = self.op("Reshape", self.linear(x, name), self.ints(0, 0, count, self.shape.head))
        return self.op("Transpose", parted, perm=[0, 2, 1, 3])

    def rotate(self, x: str, cos: str, sin: str) -> str:
        half = self.shape.head // 2
        first = self.op("Slice", x, self.ints(0), self.ints(half), self.ints(3))
        second = self.op("Slice", x, self.ints(half), self.ints(2 * half), self.ints(3))
        turned = self.op("Concat", self.op("Neg", second), first, axis=3)
        return self.op("Add", self.op("Mul", x, cos), self.op("Mul", turned, sin))

    def attention(self, layer: int, x: str, context: tuple[str, str, str]) -> str:
        cos, sin, bias = context
        shape, name = self.shape, f"layers.{layer}.self_attn"
        q = self.rotate(self.heads(x, f"{name}.q_proj", shape.heads), cos, sin)
        new = {"key": self.rotate(self.heads(x, f"{name}.k_proj", shape.kv_heads), cos, sin)}
        new["value"] = self.heads(x, f"{name}.v_proj", shape.kv_heads)
        k, v = (self.op("Concat", f"past_key_values.{layer}.{w}", new[w], axis=2, output=f"present.{layer}.{w}") for w in new)
        # Queries that share keys lie beside each other: [batch, kv heads, queries of one key, length, head].
        q = self.op("Reshape", q, self.ints(0, shape.kv_heads, shape.heads // shape.kv_heads, -1, shape.head))
        k = self.op("Transpose", self.op("Unsqueeze", k, self.ints(2)), perm=[0, 1, 2, 4, 3])
        scale = self.constant("scale", shape.head**-0.5, numpy.float32)
        scores = self.op("Add", self.op("Mul", self.op("MatMul", q, k), scale), bias)
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), self.op("Unsqueeze", v, self.ints(2)))
        parted = self.op("Reshape", mixed, self.ints(0, shape.heads, -1, shape.head))
        joined = self.op("Reshape", self.op("Transpose", parted, perm=[0, 2, 1, 3]), self.ints(0, 0, shape.width))
        return self.linear(joined, f"{name}.o_proj")

    def feed_forward(self, layer: int, x: str) -> str:
        name = f"layers.{layer}.mlp"
        gate = self.linear(x, f"{name}.gate_proj")
        gated = self.op("Mul", self.op("Mul", gate, self.op("Sigmoid", gate)), self.linear(x, f"{name}.up_proj"))
        return self.linear(gated, f"{name}.down_proj")


def write_onnx(path: Path, model: Llama) -> None:
    graph = LlamaGraph(model)
    graph.build()
    proto = helper.make_graph(graph.nodes, "soma-tiny", inputs(model), outputs(model), list(graph.weights.values()))
    # An operator set and a format version that older runtimes, also those of browsers, can read.
    file = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="soma-tiny-llm")
    onnx.checker.check_model(file, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(file, path)


def inputs(model: Llama) -> list[onnx.ValueInfoProto]:
    ids = {"input_ids": "length", "attention_mask": "total", "position_ids": "length"}
    return [
        *(helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", size]) for name, size in ids.items()),
        *cache(model, "past_key_values", "past"),
    ]


def outputs(model: Llama) -> list[onnx.ValueInfoProto]:
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", model.shape.vocabulary])
    return [logits, *cache(model, "present", "total")]


def cache(model: Llama, name: str, length: str) -> list[onnx.ValueInfoProto]:
    shape = ["batch", model.shape.kv_heads, length, model.shape.head]
    parts = [f"{name}.{layer}.{part}" for layer in range(model.shape.layers) for part in ("key", "value")]
    return [helper.make_tensor_value_info(part, TensorProto.FLOAT, shape) for part in parts]
