"""The same bytes as the TypeScript side: the files in sdks/vectors are written by it."""

import json
import math
import unittest
from pathlib import Path

from soma.smi import Tensor, frames
from soma.smi.errors import SomaError
from soma.smi.tensors import decode_strings, encode_strings, numpy

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def real(value):
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return bytes.fromhex(value["$bytes"])
        return {key: real(item) for key, item in value.items()}
    return [real(item) for item in value] if isinstance(value, list) else value


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value


class Frames(unittest.TestCase):
    def test_every_frame_is_read_and_written_to_the_byte(self):
        for vector in load("frames.json")["frames"]:
            with self.subTest(vector["name"]):
                message, frame = real(vector["message"]), bytes.fromhex(vector["frame"])
                self.assertEqual(plain(frames.decode(frame)), message)
                self.assertEqual(frames.encode(message), frame)

    def test_what_is_no_frame_is_refused_with_its_code(self):
        for vector in load("frames.json")["refused"]:
            with self.subTest(vector["name"]):
                with self.assertRaises(SomaError) as refusal:
                    frames.decode(bytes.fromhex(vector["frame"]))
                self.assertEqual(refusal.exception.code, vector["code"])


class Tensors(unittest.TestCase):
    def test_every_dtype_has_the_same_bytes(self):
        for vector in load("tensors.json")["tensors"]:
            dtype, values, data = vector["dtype"], vector["values"], bytes.fromhex(vector["data"])
            with self.subTest(dtype):
                tensor = Tensor.read({"name": "x", "dtype": dtype, "shape": [len(values)], "data": memoryview(data)})
                if dtype == "string":
                    self.assertEqual(tensor.array, values)
                    self.assertEqual(encode_strings(values), data)
                    self.assertEqual(decode_strings(data), values)
                elif dtype != "bfloat16":
                    self.assert_same(list(tensor.array), [wanted(dtype, value) for value in values])
                if dtype not in ("string", "bfloat16") and numpy() is not None:
                    self.assertEqual(bytes(Tensor.of("x", tensor.array).data), data)

    def assert_same(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected):
            self.assertTrue(one == other or (math.isnan(one) and math.isnan(other)), f"{one} is not {other}")


def wanted(dtype, value):
    if dtype == "bool":
        return value
    if "float" in dtype:
        return float(value)
    return int(value)


if __name__ == "__main__":
    unittest.main()
