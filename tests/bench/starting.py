"""What the imports of each service cost, in processor seconds: ``python -m tests.bench.starting``.

The least of some runs, since anything else is another process's. Compare two commits on one machine only.
"""

from __future__ import annotations

import subprocess
import sys

SERVICES = {
    "hooks": "storeplatform.hooks.__main__",
    "intent API": "storeplatform.api.__main__",
    "gate": "storeplatform.api.gate.__main__",
    "controllers": "storeplatform.api.controllers.__main__",
    "relay": "storeplatform.api.relay.__main__",
    "reaper": "storeplatform.api.reaper",
    "dashboard": "storeplatform.dashboard.__main__",
}
RUNS = 5


def main() -> None:
    """Measure and print."""
    for name, module in SERVICES.items():
        print(f"{name:12} {min(_seconds(module) for _ in range(RUNS)):.2f} s", flush=True)


def _seconds(module: str) -> float:
    code = f"import {module}, time; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
