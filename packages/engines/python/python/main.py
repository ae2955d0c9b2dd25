"""Started by the engine's `main.ts`: the SDK's folder and the engine's descriptor are its arguments."""

import json
import sys

if __name__ == "__main__":
    # This file's own folder is first in the path already.
    sys.path.insert(1, sys.argv[1])

    from soma.smi import run_engine
    from soma_python.engine import PythonEngine

    run_engine(PythonEngine(json.loads(sys.argv[2])))
