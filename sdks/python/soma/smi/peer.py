"""The answering end of a connection that carries many calls at once. What its frames say:

From the asker:    {id, method, input, more?}  a call; with `more`, that many events may be sent
                   {id, more}                  so many events more
                   {cancel: id}                the answer is no longer wanted; none need follow
From the answerer: {id, event}                 one event of a stream
                   {id, output}                the end, done
                   {id, error}                 the end, failed
From either:       {error}                     why the sender is about to close the connection
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from inspect import isgenerator
from typing import Any, BinaryIO, Callable, NamedTuple

from . import frames
from .errors import SomaError, cancelled, typed
from .limits import CONCURRENCY_MAX, CREDIT_MAX, JOINED_BYTES_MAX, METHOD_LENGTH_MAX


class Work(NamedTuple):
    """What answers a call: a function that gives its output, or a generator of its events that returns it."""

    run: Callable[[], Any]
    #: Answered by the thread that reads, while others work: must take no time.
    instant: bool = False
    #: Called once, after `run` and everything that came of it.
    done: Callable[[], None] = lambda: None


class Call:
    """A call from the other side that is being answered."""

    def __init__(self, number: int, credit: int | None):
        self.number = number
        #: Events that may be sent; None when none are wanted.
        self._credit = credit
        self._cancelled = False
        self._changed = threading.Condition()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled

    @property
    def wants_events(self) -> bool:
        return self._credit is not None

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def add_credit(self, events: int) -> None:
        with self._changed:
            if self._credit is None:
                raise violation(f"call {self.number} is no stream")
            self._credit += events
            self._changed.notify_all()

    def take_credit(self) -> None:
        """Waits until an event may be sent, or nobody wants one any more."""
        with self._changed:
            while self._credit == 0 and not self._cancelled:
                self._changed.wait()
            if self._credit:
                self._credit -= 1


class Peer:
    """Reads calls on the thread that asks for it, answers them on others."""

    def __init__(self, readable: BinaryIO, writable: int, answer: Callable[[str, Any, Call], Work], workers: int = 1):
        self._readable = readable
        self._writable = writable
        self._answer = answer
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="call")
        self._calls: dict[int, Call] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    @property
    def active(self) -> int:
        """Calls under way."""
        return len(self._calls)

    def serve(self) -> SomaError | None:
        """Until the other side is gone: None when it closed its end in order, else the reason."""
        reason: SomaError | None = None
        try:
            while True:
                self._receive(frames.read(self._readable))
        except EOFError:
            reason = cancelled("the host went away with calls under way") if self.active else None
        except OSError as error:
            reason = cancelled(f"the connection to the host broke: {error}")
        except SomaError as error:
            reason = error
            self._send({"error": error.to_problem()})
        for call in list(self._calls.values()):
            call.cancel()
        return reason

    def finish(self, seconds: float) -> bool:
        """Waits so long for the calls under way. Returns whether all have ended."""
        closing = threading.Thread(target=self._workers.shutdown, daemon=True)
        closing.start()
        closing.join(seconds)
        return not closing.is_alive()

    def later(self, work: Callable[[], None]) -> None:
        """Does something on a thread for calls; nothing once the connection is over."""
        try:
            self._workers.submit(work)
        except RuntimeError:
            return

    def _receive(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise violation("a message is not an object")
        number: Any = message.get("id")
        if number is None and "cancel" in message:
            self._cancel(message["cancel"])
        elif number is None and "error" in message:
            problem = message["error"] if isinstance(message["error"], dict) else {}
            raise SomaError(str(problem.get("code", "internal")), str(problem.get("detail", "the host closed the connection")))
        elif not frames.is_count(number) or number == 0:
            raise violation("a message has no call number")
        elif "method" in message:
            self._begin(number, message)
        elif "more" in message:
            self._credit(number, message["more"])
        elif not {"output", "error", "event"} & message.keys():
            raise violation("a message says nothing")

    def _cancel(self, number: Any) -> None:
        call = self._calls.get(number) if frames.is_count(number) else None
        if call:
            call.cancel()

    def _credit(self, number: int, more: Any) -> None:
        if not _is_credit(more):
            raise violation("a message says nothing")
        call = self._calls.get(number)
        if call:
            call.add_credit(more)

    def _begin(self, number: int, message: dict[str, Any]) -> None:
        method, more = message["method"], message.get("more")
        if not isinstance(method, str) or not 0 < len(method) <= METHOD_LENGTH_MAX or not (more is None or _is_credit(more)):
            raise violation("a call is malformed")
        if number in self._calls:
            raise violation(f"call {number} was made twice")
        call = Call(number, more)
        try:
            if len(self._calls) >= CONCURRENCY_MAX:
                raise SomaError("resource/exhausted", f"{CONCURRENCY_MAX} calls of this connection are under way; wait for one to end")
            work = self._answer(method, message.get("input"), call)
        except SomaError as error:
            return self._send({"id": number, "error": error.to_problem()})
        with self._lock:
            self._calls[number] = call
        if work.instant:
            self._run(call, work)
        else:
            self._workers.submit(self._run, call, work)

    def _run(self, call: Call, work: Work) -> None:
        try:
            if call.is_cancelled:
                return
            output = work.run()
            reply = {"id": call.number, "output": self._stream(call, output) if isgenerator(output) else output}
        except BaseException as error:
            if not isinstance(error, SomaError):
                traceback.print_exc(file=sys.stderr)
            reply = {"id": call.number, "error": typed(error).to_problem()}
        finally:
            work.done()
            with self._lock:
                del self._calls[call.number]
        if not call.is_cancelled:
            self._reply(call, reply)

    def _stream(self, call: Call, events: Any) -> Any:
        try:
            while True:
                if call.wants_events:
                    call.take_credit()
                if call.is_cancelled:
                    return None
                event = next(events)
                if call.wants_events and not call.is_cancelled:
                    self._send({"id": call.number, "event": event})
        except StopIteration as end:
            return end.value
        finally:
            events.close()

    def _reply(self, call: Call, reply: dict[str, Any]) -> None:
        try:
            self._send(reply)
        except Exception as error:  # what JSON cannot write: the caller must hear of it all the same
            self._send({"id": call.number, "error": typed(error).to_problem()})

    def _send(self, message: Any) -> None:
        parts = frames.pack(message)
        size = sum(len(part) for part in parts)
        if len(parts) > 1 and size <= JOINED_BYTES_MAX:
            parts = [b"".join(parts)]
        with self._writing:
            for part in parts:
                _write_all(self._writable, part)


def violation(why: str) -> SomaError:
    return SomaError("call/malformed", f"the connection broke its protocol: {why}")


def _is_credit(value: Any) -> bool:
    return frames.is_count(value) and 0 < value <= CREDIT_MAX


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    try:
        while view.nbytes:
            view = view[os.write(descriptor, view) :]
    except OSError:
        # The host is gone; the thread that reads notices, too.
        pass
