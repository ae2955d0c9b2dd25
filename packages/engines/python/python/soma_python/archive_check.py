"""Programs in archives may do what PyTorch's operators do, and some of these touch files, or evaluate text as Python. Those are refused."""

from __future__ import annotations

import json
import re
import zipfile
from typing import Any, Iterator

from soma.smi import SomaError

#: Operators that read or write any file whose path the program says, as TorchScript's code and graphs of ExportedProgram write them.
FILE_OPERATORS = re.compile(r"\b(?:torch|(?:ops|aten)(?:\.\w+)?)(?:\.|::)(from_file|save)\b")
#: One part of a program; the weights lie in others.
PART_BYTES_MAX = 256 * 1024 * 1024
#: Lower-case functions in sizes; SymPy, which reads them, would call any function of Python whose name stands there.
FUNCTIONS = frozenset("abs ceiling floor sqrt log exp sin cos tan asin acos atan sinh cosh tanh".split())
CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
PLAIN = re.compile(r"[\w\s.+\-*/%(),<>=&|~!]*")
ATTRIBUTE = re.compile(r"\.\s*[A-Za-z_]")


def check_archive_code(path: str, local_path: str) -> None:
    """Before anything of the archive is loaded: loading runs parts of it. Raises `model/unsupported`."""
    with zipfile.ZipFile(local_path) as archive:
        # Each entry and not each name: of two with one name, readers take different ones.
        for entry in archive.infolist():
            if not entry.filename.endswith((".py", ".json")):
                continue
            if entry.file_size > PART_BYTES_MAX:
                raise refused(path, f"{entry.filename} is over {PART_BYTES_MAX} bytes")
            with archive.open(entry) as stream:
                check_part(path, entry.filename, stream.read(PART_BYTES_MAX + 1))


def check_part(path: str, name: str, data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    found = FILE_OPERATORS.search(text)
    if found:
        raise refused(path, f"{name} has the operator {found[1]}, which opens files of this machine")
    if name.endswith(".json"):
        for expression in expressions(parsed(text)):
            check_expression(path, expression)


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # PyTorch reads it as JSON too, and says itself that it is none.
        return None


def expressions(value: Any) -> Iterator[str]:
    """Sizes as text, wherever in the graph they are."""
    waiting = [value]
    while waiting:
        place = waiting.pop()
        if isinstance(place, dict):
            text = place.get("expr_str")
            if isinstance(text, str):
                yield text
            waiting.extend(place.values())
        elif isinstance(place, list):
            waiting.extend(place)


def check_expression(path: str, text: str) -> None:
    called = [name for name in CALLED.findall(text) if not name[0].isupper() and name not in FUNCTIONS]
    if called or "__" in text or ATTRIBUTE.search(text) or not PLAIN.fullmatch(text):
        raise refused(path, f"a size in it is no arithmetic: {text[:100]}")


def refused(path: str, why: str) -> SomaError:
    return SomaError("model/unsupported", f"{path} is not loaded: {why}", {"path": path})
