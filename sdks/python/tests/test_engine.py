"""The example of `soma.smi`'s documentation, spoken to as a host does: over pipes, in frames."""

import array
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

import soma.smi
from soma.smi import frames
from soma.smi.tensors import numpy

SDK = Path(__file__).parents[1]

#: Beside the documentation's engine: one that streams, prints, fails and waits.
MISBEHAVING = """
import os, time
from soma.smi import Engine, Model, Signature, SomaError, run_engine

class Odd(Model):
    signature = Signature()
    def infer(self, inputs, outputs, ctx):
        print("printed past the protocol")
        os.system("echo printed by another process")
        raise ValueError("it broke")
    def generate(self, request, ctx):
        for number in range(request["count"]):
            ctx.check()
            yield {"text": str(number)}
        return {"finish": "stop", "usage": {"promptTokens": 0, "generatedTokens": request["count"]}}
    def embed(self, request, ctx):
        while not ctx.is_cancelled:
            time.sleep(0.001)
        ctx.check()
    def synthesize(self, request, ctx):
        os.abort()
    def rerank(self, request, ctx):
        return {"scores": [float("nan")]}

class OddEngine(Engine):
    descriptor = {"smiVersion": 1, "id": "odd"}
    def load(self, package, options, ctx):
        return Odd()

run_engine(OddEngine())
"""

PACKAGE = {"name": "m", "format": "double", "task": "tensor-to-tensor", "directory": "/", "files": [], "roles": {}}
OPTIONS = {"threads": 1, "settings": {}}


def example():
    """The code in the documentation of `soma.smi`."""
    lines = soma.smi.__doc__.splitlines()
    return textwrap.dedent("\n".join(line for line in lines if line.startswith("    ") or not line.strip()))


class Host:
    """One engine's process, and the host's end of its pipes."""

    def __init__(self, code):
        env = {**os.environ, "PYTHONPATH": str(SDK)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-B", "-c", code], env=env, stdin=pipe, stdout=pipe, stderr=pipe)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def send(self, **message):
        self.process.stdin.write(frames.encode(message))
        self.process.stdin.flush()

    def next(self):
        return frames.read(self.process.stdout)

    def ask(self, number, method, value):
        self.send(id=number, method=method, input=value)
        return self.next()

    def greet(self):
        return self.ask(1, "hello", {"smiVersions": [1]})


class ExampleEngine(unittest.TestCase):
    @unittest.skipIf(numpy() is None, "numpy is not installed")
    def test_the_example_of_the_documentation_runs(self):
        with tempfile.TemporaryDirectory() as folder, Host(example()) as host:
            path = Path(folder) / "model.double"
            path.write_text("double")
            file = {"path": "model.double", "localPath": str(path), "sizeBytes": 6}
            package = {**PACKAGE, "directory": folder, "files": [file], "roles": {"model": "model.double"}}
            self.assertEqual(host.greet()["output"]["id"], "doubling")
            loaded = host.ask(2, "load", {"package": package, "options": OPTIONS})["output"]
            self.assertEqual(loaded["methods"], ["infer"])
            x = {"name": "x", "dtype": "float32", "shape": [2], "data": array.array("f", [1, 2.5]).tobytes()}
            (y,) = host.ask(3, "infer", {"inputs": [x]})["output"]["outputs"]
            self.assertEqual((y["name"], y["shape"], list(memoryview(y["data"]).cast("f"))), ("y", [2], [2, 5]))
            refusal = host.ask(4, "infer", {"inputs": []})["error"]
            self.assertEqual((refusal["code"], refusal["details"]["input"]), ("model/input-mismatch", "x"))
            path.write_text("triple")
            host.ask(5, "unload", {})
            self.assertEqual(host.ask(6, "load", {"package": package, "options": OPTIONS})["error"]["code"], "model/load-failed")
            host.process.stdin.close()
            self.assertEqual(host.process.wait(10), 0)


class Misbehaviour(unittest.TestCase):
    def setUp(self):
        self.host = Host(MISBEHAVING)
        self.addCleanup(self.host.__exit__)
        self.host.greet()
        self.host.ask(2, "load", {"package": PACKAGE, "options": OPTIONS})

    def test_an_exception_is_a_failure_of_the_engine_and_prints_do_not_break_the_protocol(self):
        error = self.host.ask(3, "infer", {"inputs": []})["error"]
        self.assertEqual((error["code"], error["detail"]), ("engine/failed", "the engine failed: ValueError: it broke"))
        self.host.process.stdin.close()
        log = self.host.process.stderr.read().decode()
        self.assertIn("printed past the protocol", log)
        self.assertIn("printed by another process", log)

    def test_no_more_events_come_than_were_asked_for(self):
        self.host.send(id=3, method="generate", input={"count": 3}, more=2)
        self.assertEqual([self.host.next()["event"]["text"] for _ in range(2)], ["0", "1"])
        # An answer of a later call shows that nothing else came in between.
        self.assertEqual(self.host.ask(4, "health", {})["output"]["busy"], 1)
        self.host.send(id=3, more=5)
        self.assertEqual(self.host.next()["event"]["text"], "2")
        self.assertEqual(self.host.next()["output"]["finish"], "stop")

    def test_a_call_that_asks_for_no_events_gets_its_output(self):
        self.assertEqual(self.host.ask(3, "generate", {"count": 100})["output"]["usage"]["generatedTokens"], 100)

    def test_while_a_call_runs_health_answers_and_a_cancelled_one_ends_without_an_answer(self):
        self.host.send(id=3, method="embed", input={})
        self.host.send(id=4, method="embed", input={})
        self.assertEqual(self.host.ask(5, "health", {})["output"]["busy"], 2)
        self.host.send(cancel=4)
        self.host.send(cancel=3)
        self.assertEqual(self.host.ask(6, "generate", {"count": 0})["id"], 6)

    def test_what_json_cannot_say_is_an_error_and_not_silence(self):
        self.assertEqual(self.host.ask(3, "rerank", {})["error"]["code"], "engine/failed")

    def test_unknown_methods_and_those_that_the_model_lacks_are_refused(self):
        self.assertEqual(self.host.ask(3, "nonsense", {})["error"]["code"], "call/unknown")
        self.assertEqual(self.host.ask(4, "transcribe", {})["error"]["code"], "model/unsupported")
        self.assertEqual(self.host.ask(5, "load", {"package": PACKAGE, "options": OPTIONS})["error"]["code"], "model/in-use")

    def test_what_breaks_the_protocol_ends_the_process_after_a_word(self):
        self.host.send(id=0, method="health", input={})
        self.assertEqual(self.host.next()["error"]["code"], "call/malformed")
        self.assertEqual(self.host.process.wait(10), 1)

    def test_a_crash_in_native_code_says_where_it_was(self):
        self.host.send(id=3, method="synthesize", input={})
        self.assertEqual(self.host.process.wait(10), -signal.SIGABRT)
        self.assertRegex(self.host.process.stderr.read().decode(), r"Fatal Python error: Aborted(.|\n)*in synthesize")

    def test_a_host_that_goes_away_in_mid_call_ends_the_process_with_1(self):
        self.host.send(id=3, method="embed", input={})
        self.host.ask(4, "health", {})
        self.host.process.stdin.close()
        self.assertEqual(self.host.process.wait(10), 1)


if __name__ == "__main__":
    unittest.main()
