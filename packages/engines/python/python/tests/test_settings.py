import unittest

from soma.smi import SomaError, TensorSpec
from soma_python.settings import Settings, parse_spec


class Specs(unittest.TestCase):
    def test_inputs_are_written_as_errors_show_them(self):
        self.assertEqual(parse_spec("x float32[?, 3]"), TensorSpec("x", "float32", [-1, 3]))
        self.assertEqual(parse_spec("x: int64[]"), TensorSpec("x", "int64", []))
        self.assertEqual(parse_spec(" input.1  bool[ ... ] "), TensorSpec("input.1", "bool", None))
        for text in ("x", "x float32", "x float32[a]", "x float99[1]", "x float32[1,]", "x float32[-1]", "float32[1]"):
            with self.subTest(text), self.assertRaises(SomaError) as refusal:
                parse_spec(text)
            self.assertEqual(refusal.exception.code, "config/invalid")

    def test_what_is_said_of_inputs_is_laid_over_what_the_model_says(self):
        settings = Settings.read({"inputs": ["a int64[2]"], "finite": ["b"]})
        a, b = settings.apply([TensorSpec("a", "float32", None, optional=True), TensorSpec("b", "float32", None)])
        self.assertEqual((a.dtype, a.shape, a.optional, b.finite), ("int64", [2], True, True))

    def test_unknown_settings_inputs_and_values_are_refused_by_name(self):
        for values, word in [({"x": 1}, '"x"'), ({"inputs": "x"}, "inputs"), ({"precision": "float8"}, "precision")]:
            with self.assertRaises(SomaError) as refusal:
                Settings.read(values)
            self.assertIn(word, str(refusal.exception))
        with self.assertRaises(SomaError) as refusal:
            Settings.read({"finite": ["c"]}).apply([TensorSpec("a", "float32", None)])
        self.assertIn('"c"', str(refusal.exception))
