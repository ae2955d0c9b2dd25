"""The engine's side of SMI v1: checks what the host sends, runs the engine, and types what it throws."""

from __future__ import annotations

import sys
import threading
import traceback
from typing import Any, Callable

from .engine import MODEL_METHODS, Context, Engine, Model
from .errors import SomaError
from .model import LoadOptions, Package
from .peer import Call, Work
from .tensors import Tensor

SMI_VERSION = 1


class Session:
    """One host's use of one engine: at most one model is loaded."""

    def __init__(self, engine: Engine):
        self._engine = engine
        #: Does work on the thread of calls when nothing else is to do; set by who has it.
        self.later: Callable[[Callable[[], None]], None] = lambda _: None
        self._greeted = False
        self._loading = False
        self._model: Model | None = None
        self._busy = 0
        self._changed = threading.Condition()
        self._methods: dict[str, Callable[[Any, Call], Work]] = {
            "hello": lambda value, _: Work(lambda: self._hello(value), instant=True),
            "health": lambda _value, _call: Work(self._health, instant=True),
            "probe": lambda value, _: Work(lambda: engine.probe(value)),
            "estimate": lambda value, _: Work(lambda: self._estimate(value)),
            "load": lambda value, call: self._tracked(lambda: self._load(value, call)),
            "unload": lambda value, _: Work(lambda: self._unload(value)),
            "infer": lambda value, call: self._tracked(lambda: self._infer(value, call)),
            "convert": lambda value, call: self._tracked(lambda: self._convert(value, call)),
        }
        for name in MODEL_METHODS[1:]:
            self._methods[name] = self._asking(name)

    def answer(self, method: str, value: Any, call: Call) -> Work:
        """What answers a call; raises for one that is refused at once."""
        make = self._methods.get(method)
        if make is None:
            raise SomaError("call/unknown", f'SMI v{SMI_VERSION} has no method "{method[:64]}"')
        if not self._greeted and method != "hello":
            raise SomaError("engine/protocol", f'"{method}" came before "hello"')
        if not isinstance(value, dict):
            raise SomaError("call/invalid-input", f"the input of {method} is not valid: it is not an object")
        return make(value, call)

    def close(self) -> None:
        """Gives the model back."""
        self._unload({})

    def _hello(self, value: dict[str, Any]) -> dict[str, Any]:
        offered = value.get("smiVersions", [])
        if SMI_VERSION not in offered:
            versions = ", ".join(str(version) for version in offered) or "none"
            message = f"this engine speaks SMI {SMI_VERSION}; the host offered {versions}"
            raise SomaError("engine/protocol", message, {"speaks": [SMI_VERSION], "offered": offered})
        if not self._greeted:
            self._greeted = True
            self.later(self._warm_up)
        return self._engine.descriptor

    def _warm_up(self) -> None:
        try:
            self._engine.warm_up()
        except Exception:
            # Who needs what could not be done will hear of it then.
            traceback.print_exc(file=sys.stderr)

    def _health(self) -> dict[str, Any]:
        usage = self._model.usage() if self._model else {"residentBytes": 0}
        return {**usage, "busy": self._busy}

    def _estimate(self, value: dict[str, Any]) -> dict[str, Any]:
        return self._engine.estimate(Package.read(value.get("package")), LoadOptions.read(value.get("options")))

    def _load(self, value: dict[str, Any], call: Call) -> dict[str, Any]:
        package, options = Package.read(value.get("package")), LoadOptions.read(value.get("options"))
        with self._changed:
            if self._model or self._loading:
                raise SomaError("model/in-use", "this process holds a model; unload it, or start another process")
            self._loading = True
        try:
            model = self._engine.load(package, options, Context(call))
            if call.is_cancelled:
                model.close()
                return {}
            self._model = model
        finally:
            self._loading = False
        about = {"signature": model.signature.to_message(), "methods": model.methods(), "concurrency": model.concurrency}
        about["device"] = model.device
        return {**about, "contextLength": model.context_length} if model.context_length is not None else about

    def _unload(self, value: dict[str, Any]) -> dict[str, Any]:
        """Takes no new work, waits for what runs, then gives the model back."""
        with self._changed:
            model, self._model = self._model, None
            self._changed.wait_for(lambda: self._running == 0)
        if model is None:
            return {}
        directory = value.get("stateDirectory")
        if directory is not None:
            try:
                model.save_state(directory)
            except Exception:
                # Losing what only saves time must not keep memory from being given back.
                traceback.print_exc(file=sys.stderr)
        model.close()
        return {}

    def _infer(self, value: dict[str, Any], call: Call) -> dict[str, Any]:
        model = self._loaded("infer")
        listed = value.get("inputs")
        if not isinstance(listed, list):
            raise SomaError("call/invalid-input", "the input of infer is not valid: inputs is no list")
        inputs = model.signature.check_inputs([Tensor.read(tensor) for tensor in listed])
        wanted = model.signature.check_outputs(value.get("outputs"))
        outputs = model.infer(inputs, wanted, Context(call))  # type: ignore[attr-defined]
        return {"outputs": [tensor.to_message() for tensor in outputs]}

    def _asking(self, method: str) -> Callable[[Any, Call], Work]:
        return lambda value, call: self._tracked(lambda: self._ask(method, value, call))

    def _ask(self, method: str, value: dict[str, Any], call: Call) -> Any:
        return getattr(self._loaded(method), method)(value, Context(call))

    def _convert(self, value: dict[str, Any], call: Call) -> Any:
        convert = getattr(self._engine, "convert", None)
        if convert is None:
            raise SomaError("model/unsupported", f"engine {self._engine.descriptor['id']} converts nothing")
        return convert(Package.read(value.get("package")), value["to"], value["directory"], value.get("settings", {}), Context(call))

    def _loaded(self, method: str) -> Model:
        model = self._model
        if model is None:
            raise SomaError("engine/not-ready", "no model is loaded in this process")
        if method not in model.methods():
            raise SomaError("model/unsupported", f'this model has no method "{method}"')
        return model

    #: Of the model's calls, those that have begun.
    _running = 0

    def _tracked(self, run: Callable[[], Any]) -> Work:
        """Counts as busy from when it came until it is over; a cancelled one that still runs, too."""
        begun = False

        def counted() -> Any:
            nonlocal begun
            begun = True
            self._count(running=1)
            return run()

        self._count(busy=1)
        return Work(counted, done=lambda: self._count(busy=-1, running=-1 if begun else 0))

    def _count(self, busy: int = 0, running: int = 0) -> None:
        with self._changed:
            self._busy += busy
            self._running += running
            self._changed.notify_all()
