"""Frames, the one binary form of every message between processes:

    u32 little-endian header length | header: JSON, UTF-8 | body: attachments

The header is `{"message": …, "bodyBytes": n, "attachments": [{"path": ["inputs", 0, "data"], "begin": 0, "end": 64}]}`. In `message`,
`null` stands where an attachment belongs. Attachments begin at multiples of 8. A frame without attachments has just `message`.
"""

from __future__ import annotations

import json
import mmap
import re
import struct
from typing import Any, BinaryIO, NamedTuple, Sequence

from .errors import SomaError
from .limits import ATTACHMENTS_MAX, BODY_BYTES_MAX, DEPTH_MAX, HEADER_BYTES_MAX, SAFE_INTEGER_MAX

PREFIX = struct.Struct("<I")
ALIGNMENT_BYTES = 8
#: Bodies from here on lie in pages of their own, which take memory only as bytes really come, and give it back at once.
MAPPED_BYTES_MIN = 1024 * 1024
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Header(NamedTuple):
    message: Any
    body_bytes: int
    attachments: Sequence[dict[str, Any]]


def pack(message: Any) -> list[bytes | memoryview]:
    """Splits a message whose leaves are JSON values or bytes into parts to be written in order. Attachments are not copied."""
    found: list[tuple[list[str | int], memoryview]] = []
    bare = _extract(message, [], found)
    header: dict[str, Any] = {"message": bare}
    body: list[bytes | memoryview] = []
    offset = 0
    attachments = []
    for path, data in found:
        attachments.append({"path": path, "begin": offset, "end": offset + data.nbytes})
        padding = -data.nbytes % ALIGNMENT_BYTES
        body.append(data)
        if padding:
            body.append(bytes(padding))
        offset += data.nbytes + padding
    if offset > BODY_BYTES_MAX:
        raise _too_large("body", offset, BODY_BYTES_MAX)
    if found:
        header.update(bodyBytes=offset, attachments=attachments)
    text = _to_json(header)
    if len(text) > HEADER_BYTES_MAX:
        raise _too_large("header", len(text), HEADER_BYTES_MAX)
    return [PREFIX.pack(len(text)) + text, *body]


def unpack_header(text: bytes) -> Header:
    """Parses a frame's header; as many bytes as it says follow it."""
    header = _from_json(text)
    if not isinstance(header, dict) or "message" not in header:
        raise _malformed("it has no message")
    body_bytes = header.get("bodyBytes", 0)
    if not is_count(body_bytes):
        raise _malformed("bodyBytes is not a byte count")
    if body_bytes > BODY_BYTES_MAX:
        raise _too_large("body", body_bytes, BODY_BYTES_MAX)
    attachments = header.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > ATTACHMENTS_MAX:
        raise _malformed("attachments is not a list within its limit")
    if not all(_is_attachment(attachment) for attachment in attachments):
        raise _malformed("an attachment has no path of names and positions")
    return Header(header["message"], body_bytes, attachments)


def attach(header: Header, body: memoryview) -> Any:
    """Puts the attachments back into the message, as views into `body`."""
    message = header.message
    for attachment in header.attachments:
        begin: Any = attachment.get("begin")
        end: Any = attachment.get("end")
        path = attachment["path"]
        if not (is_count(begin) and is_count(end) and begin <= end <= body.nbytes):
            raise _malformed("an attachment lies outside the body")
        if path:
            _place(message, path, body[begin:end])
        else:
            message = body[begin:end]
    return message


def encode(message: Any) -> bytes:
    """One whole frame."""
    return b"".join(pack(message))


def decode(frame: bytes) -> Any:
    """The message of one whole frame."""
    if len(frame) < PREFIX.size:
        raise _malformed("it is shorter than its prefix")
    header_end = PREFIX.size + _header_size(frame[: PREFIX.size])
    if len(frame) < header_end:
        raise _malformed("its header is cut off")
    header = unpack_header(frame[PREFIX.size : header_end])
    if len(frame) != header_end + header.body_bytes:
        raise _malformed(f"{len(frame) - header_end} bytes follow its header, it says {header.body_bytes}")
    return attach(header, memoryview(bytearray(frame[header_end:])))


def read(stream: BinaryIO) -> Any:
    """The next message of a stream. Raises `EOFError` where the stream ends between two frames."""
    prefix = stream.read(PREFIX.size)
    if not prefix:
        raise EOFError
    if len(prefix) < PREFIX.size:
        raise _cut_off()
    size = _header_size(prefix)
    if size == 0:
        raise _malformed("its header is empty")
    text = stream.read(size)
    if len(text) < size:
        raise _cut_off()
    header = unpack_header(text)
    return attach(header, _read_body(stream, header.body_bytes))


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= SAFE_INTEGER_MAX


def _read_body(stream: BinaryIO, size: int) -> memoryview:
    if size == 0:
        return memoryview(b"")
    body = memoryview(mmap.mmap(-1, size) if size >= MAPPED_BYTES_MIN else bytearray(size))
    got = 0
    while got < size:
        count = stream.readinto(body[got:])  # type: ignore[attr-defined]
        if not count:
            raise _cut_off()
        got += count
    return body


def _header_size(prefix: bytes) -> int:
    size: int = PREFIX.unpack(prefix)[0]
    if size > HEADER_BYTES_MAX:
        raise _too_large("header", size, HEADER_BYTES_MAX)
    return size


def _extract(value: Any, path: list[str | int], found: list[tuple[list[str | int], memoryview]]) -> Any:
    if isinstance(value, dict):
        return {key: _extract(item, [*path, key], found) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        found.append((path, memoryview(value).cast("B")))
        return None
    if isinstance(value, (list, tuple)):
        # Long lists of numbers are the common case and hold no attachments.
        if not any(isinstance(item, (dict, list, tuple, bytes, bytearray, memoryview)) for item in value):
            return value
        return [_extract(item, [*path, index], found) for index, item in enumerate(value)]
    return value


def _place(root: Any, path: Sequence[str | int], data: memoryview) -> None:
    holder = root
    for key in path[:-1]:
        holder = _own(holder, key)
    if _own(holder, path[-1]) is not None:
        raise _malformed("an attachment’s place is not null")
    holder[path[-1]] = data


def _own(holder: Any, key: str | int) -> Any:
    if isinstance(holder, dict) and key in holder:
        return holder[key]
    if isinstance(holder, list) and isinstance(key, int) and 0 <= key < len(holder):
        return holder[key]
    raise _malformed("an attachment’s path leads nowhere")


def _is_attachment(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("path"), list):
        return False
    return all(isinstance(key, str) or is_count(key) for key in value["path"])


def _to_json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a pair has no UTF-8; JSON can still say it, as JavaScript does.
        return LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


def _from_json(text: bytes) -> Any:
    try:
        value = json.loads(text.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise SomaError("call/malformed", f"the frame header is not valid JSON: {error}") from None
    if _is_deeper(value, DEPTH_MAX):
        raise _too_deep()
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    if levels < 0:
        return True
    return any(_is_deeper(item, levels - 1) for item in (value.values() if isinstance(value, dict) else value))


def _too_deep() -> SomaError:
    return SomaError("call/too-large", f"the frame header is nested deeper than {DEPTH_MAX} levels", {"depthMax": DEPTH_MAX})


def _cut_off() -> SomaError:
    return SomaError("call/malformed", "the connection ended inside a frame")


def _malformed(why: str) -> SomaError:
    return SomaError("call/malformed", f"not a frame: {why}")


def _too_large(part: str, size: int, size_max: int) -> SomaError:
    message = f"a frame's {part} of {size} bytes is over the limit of {size_max}"
    return SomaError("call/too-large", message, {"part": part, "sizeBytes": size, "sizeBytesMax": size_max})
