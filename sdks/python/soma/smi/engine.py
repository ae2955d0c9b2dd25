"""What an engine is: the classes that engines derive from."""

from __future__ import annotations

import sys
from typing import Any, Generator, Iterable, Protocol, Sequence

from .errors import cancelled
from .model import LoadOptions, Package, Signature
from .tensors import Tensor

#: What a model may be asked. A model has those of these methods that its class defines.
MODEL_METHODS = ("infer", "generate", "embed", "rerank", "transcribe", "synthesize")


class Cancellable(Protocol):
    @property
    def is_cancelled(self) -> bool: ...


class Context:
    """Of one call."""

    def __init__(self, call: Cancellable):
        self._call = call

    @property
    def is_cancelled(self) -> bool:
        """Nobody wants the answer any more. Long work should look now and then."""
        return self._call.is_cancelled

    def check(self) -> None:
        """Ends the call when it is cancelled."""
        if self.is_cancelled:
            raise cancelled()

    def log(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)


class Model:
    """A model in memory.

    Beside `infer` it may define, with what the interface says of them:
    `generate(request, ctx)`, `transcribe(request, ctx)` and `synthesize(request, ctx)`, which are generators of events (dicts) that
    return the result; and `embed(request, ctx)`, `rerank(request, ctx)`, which return it. What a model does not define, it cannot do.
    """

    signature = Signature()
    #: Calls that may run at once with profit; the host sends no more. Takes as many workers of `run_engine`.
    concurrency = 1
    #: Tokens of prompt and answer together, of models that have such a limit.
    context_length: int | None = None
    device = "cpu"

    # def infer(self, inputs: dict[str, Tensor], outputs: Sequence[str], ctx: Context) -> Iterable[Tensor]

    def usage(self) -> dict[str, Any]:
        return {"residentBytes": resident_bytes()}

    def save_state(self, directory: str) -> None:
        """Writes what a later load can go on from."""

    def close(self) -> None:
        """Gives the memory back."""

    def methods(self) -> list[str]:
        return [name for name in MODEL_METHODS if callable(getattr(self, name, None))]


class Engine:
    """Runs models of some formats. `descriptor` is what is known of it without starting it."""

    descriptor: dict[str, Any]

    def probe(self, host: dict[str, Any]) -> dict[str, Any]:
        """Whether it can run here: `supported`, `reason` (what to install, when not) and `devices`, best first."""
        return {"supported": True, "reason": "", "devices": ["cpu"]}

    def warm_up(self) -> None:
        """Called once, some time after the host has greeted: for imports that the first model would wait for."""

    def estimate(self, package: Package, options: LoadOptions) -> dict[str, Any]:
        """`residentBytes` that loading will take."""
        return {"residentBytes": resident_bytes() + sum(file.size_bytes for file in package.files)}

    def load(self, package: Package, options: LoadOptions, ctx: Context) -> Model:
        """Raises `SomaError("model/load-failed", …)` when the files cannot be loaded."""
        raise NotImplementedError

    # def convert(self, package: Package, to: str, directory: str, settings: dict, ctx: Context): a generator of {"stage": …}
    # that returns {"files": [paths inside the folder], "notes": [what the user should know]}


#: For annotations.
Events = Generator[dict[str, Any], None, dict[str, Any]]
Outputs = Iterable[Tensor]
Names = Sequence[str]


def resident_bytes() -> int:
    """Memory of this process in RAM."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * _page_bytes()
    except OSError:
        import resource

        # Its peak, where the system does not say more; in kilobytes, but on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _page_bytes() -> int:
    import resource

    return resource.getpagesize()
