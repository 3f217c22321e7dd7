"""Users for the tests: the scripts run as a user without a name or a home, the database as another one."""

import os
from pathlib import Path

# A container's user has no entry in the machine's user database either. If tests run as root, the scripts switch to it.
SCRIPTS: int | None = 10999 if os.geteuid() == 0 else None
# PostgreSQL refuses to run as root, and initdb needs a user that has a name.
DATABASE: int | None = 65534 if os.geteuid() == 0 else None


def give(path: Path, user: int | None) -> Path:
    """Make the user own the path and everything below it; do nothing if it is the current user."""
    if user is not None:
        for each in (path, *path.rglob("*")):
            os.chown(each, user, user, follow_symlinks=False)
    return path
