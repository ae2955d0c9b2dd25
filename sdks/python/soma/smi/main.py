"""The whole life of an engine's process."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from typing import BinaryIO, Callable, NoReturn

from .engine import Engine
from .limits import EXIT_GRACE_S, WARM_UP_DELAY_S
from .peer import Peer
from .serve import Session


def run_engine(engine: Engine, workers: int = 1) -> NoReturn:
    """Serves SMI on stdin and stdout until the host closes them or sends SIGTERM.

    Ends the process: with 0 after an orderly end, with 1 when what came was not SMI or the host went away in mid-call.
    `workers` are threads that calls run on; more than one only for models that may be called by several at once.
    """
    # Ctrl-C reaches the whole terminal group; the host decides when its engines end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    readable, writable = take_streams()
    # A crash in native code then says on stderr where it was.
    faulthandler.enable(sys.stderr)
    session = Session(engine)
    peer = Peer(readable, writable, session.answer, workers)
    session.later = lambda work: wait_then(lambda: peer.later(work))
    reason = peer.serve()
    if reason:
        print(f"error: the connection to the host broke: {reason.message} ({reason.code})", file=sys.stderr, flush=True)
    if peer.finish(EXIT_GRACE_S) and reason is None:
        session.close()
    # Not `sys.exit`, which would wait for threads in native code.
    os._exit(1 if reason else 0)


def wait_then(work: Callable[[], None]) -> None:
    timer = threading.Timer(WARM_UP_DELAY_S, work)
    timer.daemon = True
    timer.start()


def take_streams() -> tuple[BinaryIO, int]:
    """stdin and stdout for the protocol alone: libraries print, in native code, too. Their stdout is our stderr from here on."""
    readable, writable = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for descriptor in (readable, writable):
        os.set_blocking(descriptor, True)
    return os.fdopen(readable, "rb", buffering=64 * 1024), writable
