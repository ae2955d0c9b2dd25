"""Failures as the host knows them."""

from __future__ import annotations

import errno
from typing import Any


class SomaError(Exception):
    """An expected failure: a code of Soma's table, and a message that says what went wrong, with which thing, and what to do next.

    `details` are JSON values, safe to show to the caller. The codes are in Soma's reference; a code that the host does not know
    becomes `internal` there.
    """

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}

    def to_problem(self) -> dict[str, Any]:
        """The problem document that travels."""
        problem: dict[str, Any] = {"type": f"urn:soma:error:{self.code}", "detail": self.message, "code": self.code}
        return {**problem, "details": self.details} if self.details else problem


def cancelled(why: str = "the caller cancelled the call") -> SomaError:
    return SomaError("call/cancelled", why)


def typed(error: BaseException) -> SomaError:
    """Any exception of an engine as a `SomaError`: what it throws for itself is a failure of the engine, not of the host."""
    if isinstance(error, SomaError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SomaError("store/disk-full", f"no space left on the device: {error}")
    if isinstance(error, MemoryError):
        return SomaError("resource/exhausted", f"the engine ran out of memory: {error or 'no memory left'}")
    return SomaError("engine/failed", f"the engine failed: {type(error).__name__}: {error}")
