"""The Standard Model Interface, version 1: everything that an engine written in Python needs.

An engine is a class with `load`, a model a class with `infer`. This one doubles every number of its input:

    from soma.smi import Engine, Model, Signature, SomaError, Tensor, TensorSpec, run_engine

    class Doubled(Model):
        signature = Signature(
            inputs=[TensorSpec("x", "float32", [-1])],
            outputs=[TensorSpec("y", "float32", [-1])],
        )

        def infer(self, inputs, outputs, ctx):
            return [Tensor.of("y", inputs["x"].array * 2)]

    class DoublingEngine(Engine):
        descriptor = {
            "smiVersion": 1, "id": "doubling", "title": "Doubles", "version": "0.1.0",
            "formats": ["double"], "tasks": ["tensor-to-tensor"], "layouts": [],
        }

        def load(self, package, options, ctx):
            path = package.file("model").local_path
            if open(path).read().strip() != "double":
                raise SomaError("model/load-failed", f"{path} does not say double")
            return Doubled()

    if __name__ == "__main__":
        run_engine(DoublingEngine())

Calls run one at a time on one thread, unless `run_engine` is told otherwise; the host hears at once that the process is alive
however long a call takes. `print` goes to stderr, which is the engine's log.
"""

from .engine import Context, Engine, Events, Model, Names, Outputs, resident_bytes
from .errors import SomaError
from .main import run_engine
from .model import LoadOptions, Package, PackageFile, Signature, TensorSpec
from .tensors import Tensor, dtypes

__all__ = [
    "Context",
    "Engine",
    "Events",
    "LoadOptions",
    "Model",
    "Names",
    "Outputs",
    "Package",
    "PackageFile",
    "Signature",
    "SomaError",
    "Tensor",
    "TensorSpec",
    "dtypes",
    "resident_bytes",
    "run_engine",
]
