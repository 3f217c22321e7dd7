"""Who runs what: the scripts as a user without a name or a home, the database as another one."""

import os
from pathlib import Path

# A container's user has no entry in the machine's list either. Where tests run as root we become it.
SCRIPTS: int | None = 10999 if os.geteuid() == 0 else None
# PostgreSQL refuses to run as root, and initdb asks for a user that has a name.
DATABASE: int | None = 65534 if os.geteuid() == 0 else None


def give(path: Path, user: int | None) -> Path:
    """Make the user own the path and all below it; nothing to do when we are it."""
    if user is not None:
        for each in (path, *path.rglob("*")):
            os.chown(each, user, user, follow_symlinks=False)
    return path
