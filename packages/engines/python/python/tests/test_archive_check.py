"""Archives that would touch files, or run Python, are refused before anything of them is loaded."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
import zipfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, ".."), os.path.join(here, "..", "..", "..", "..", "..", "sdks", "python")]

from soma.smi import SomaError  # noqa: E402
from soma_python.archive_check import check_archive_code, check_expression  # noqa: E402


def archive(folder: str, parts: list[tuple[str, str]]) -> str:
    path = os.path.join(folder, "model.pt")
    with zipfile.ZipFile(path, "w") as written:
        for name, text in parts:
            written.writestr(name, text)
    return path


class ArchiveCheckTest(unittest.TestCase):
    def refuses(self, parts: list[tuple[str, str]], word: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = archive(folder, parts)
            with self.assertRaises(SomaError) as raised:
                check_archive_code("model.pt", path)
            self.assertEqual(raised.exception.code, "model/unsupported")
            self.assertIn(word, str(raised.exception))

    def test_file_operators_are_refused_wherever_they_stand(self) -> None:
        self.refuses([("m/code/__torch__.py", "    torch.save(x, self.path)\n")], "save")
        self.refuses([("m/code/__torch__/a.py", "  t = torch.from_file(p, True, 16)")], "from_file")
        self.refuses([("m/code/a.py", "  t = ops.aten.from_file(p, True, 16)")], "from_file")
        self.refuses([("m/models/model.json", json.dumps({"target": "torch.ops.aten.from_file.default"}))], "from_file")
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.refuses([("m/code/a.py", "torch.save(x, p)"), ("m/code/a.py", "pass")], "save")

    def test_sizes_that_are_more_than_arithmetic_are_refused(self) -> None:
        graph = {"nodes": [{"inputs": [{"as_expr": {"expr_str": "__import__('os').system('true')"}}]}]}
        self.refuses([("m/serialized_exported_program.json", json.dumps(graph))], "no arithmetic")
        for text in ("eval(chr(49))", "s0.__class__", "open(s0)", "exec('1')", "s0.real", "(lambda: 1)()", "[s0]", 'S("x")'):
            with self.assertRaises(SomaError, msg=text):
                check_expression("m", text)
        for text in ("s0", "2*s0 + 1", "Max(1, s77)", "FloorDiv(s0, 2)", "Eq(Mod(s0, 8), 0) & (s0 < 3)", "floor(s0/2)", "1.5*s0", "-s0**2"):
            check_expression("m", text)

    def test_what_models_do_is_let_through(self) -> None:
        code = "def forward(self, x):\n  y = torch.add(x, (self).save(x))\n  return torch.saved_y(y)\n"
        with tempfile.TemporaryDirectory() as folder:
            check_archive_code("model.pt", archive(folder, [("m/code/a.py", code), ("m/data/0", "torch.save("), ("m/x.json", "no json")]))


if __name__ == "__main__":
    unittest.main()
