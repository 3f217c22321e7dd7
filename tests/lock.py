"""Write upper bounds for the versions that the tests run with: those that are installed (``python -m tests.lock``).

So a newer release of a package can't break the tests of a commit that passed. They are upper bounds, so an index
without the newest release is sufficient.
"""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path

FILE = Path(__file__).parents[1] / "requirements" / "tests.txt"
# The installer's own, and the project itself.
LEFT_OUT = {"pip", "setuptools", "store-platform", "wheel"}


def bounds() -> list[str]:
    """Yield a line for each package."""
    found = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in distributions()}
    return [f"{name}<={version}" for name, version in sorted(found.items()) if name not in LEFT_OUT]


if __name__ == "__main__":
    FILE.write_text("# Generated: tox -e lock-tests\n" + "".join(f"{line}\n" for line in bounds()))
