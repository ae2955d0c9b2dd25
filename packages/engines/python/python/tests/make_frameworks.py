"""Makes models of the frameworks that are installed, each of which gives 2x + 1, in the folder that is its argument."""

import importlib.util
import os
import sys

folder = sys.argv[1]


def has(name):
    return importlib.util.find_spec(name) is not None


if has("tensorflow"):
    import tensorflow as tf

    class Line(tf.Module):
        def __init__(self):
            self.factor = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def serve(self, x):
            return {"y": x * self.factor + 1}

    line = Line()
    tf.saved_model.save(line, os.path.join(folder, "saved"), signatures=line.serve)

if has("keras"):
    os.environ.setdefault("KERAS_BACKEND", next(name for name in ("torch", "tensorflow", "jax") if has(name)))
    import keras
    import numpy as np

    x = keras.Input((3,), name="x")
    y = keras.layers.Dense(3, name="y")
    model = keras.Model(x, y(x))
    y.set_weights([2 * np.eye(3, dtype="float32"), np.ones(3, "float32")])
    model.save(os.path.join(folder, "model.keras"))

if has("jax"):
    import jax
    from jax import export

    shape = export.symbolic_shape("rows, 3")
    exported = export.export(jax.jit(lambda x: {"y": 2 * x + 1}))(jax.ShapeDtypeStruct(shape, "float32"))
    with open(os.path.join(folder, "model.jax_exported"), "wb") as stream:
        stream.write(exported.serialize())

if has("torch"):
    import torch

    class Straight(torch.nn.Module):
        def forward(self, x):
            return 2 * x + 1

    if hasattr(torch, "export"):
        rows = torch.export.Dim("rows")
        program = torch.export.export(Straight(), (torch.rand(2, 3),), dynamic_shapes={"x": {0: rows}})
        torch.export.save(program, os.path.join(folder, "model.pt2"))

if has("torch") and has("transformers"):
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
    )
    bert = transformers.BertForSequenceClassification(config).eval()
    bert.save_pretrained(os.path.join(folder, "bert"))
    with torch.inference_mode():
        logits = bert(torch.tensor([[1, 2, 3]])).logits
    logits.numpy().tofile(os.path.join(folder, "bert", "logits.bin"))
