"""``python -m tests.lock``: the versions of what is installed here, as the newest that the tests are run with.

A newer release of a package can then not break the tests of a commit that passed. They are upper bounds, so that an
index without the newest release will do.
"""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path

FILE = Path(__file__).parents[1] / "requirements" / "tests.txt"
# The installer's own, and the project itself.
LEFT_OUT = {"pip", "setuptools", "store-platform", "wheel"}


def bounds() -> list[str]:
    """A line for each package."""
    found = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in distributions()}
    return [f"{name}<={version}" for name, version in sorted(found.items()) if name not in LEFT_OUT]


if __name__ == "__main__":
    FILE.write_text("# Generated: tox -e lock-tests\n" + "".join(f"{line}\n" for line in bounds()))
