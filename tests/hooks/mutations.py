"""Break the core in seventeen ways, each of which must be noticed.

``python -m tests.hooks.mutations`` applies one mutation after another to a copy of the core, runs the tests and the
exploration, and prints what caught it. It exits with 1 if one was not caught. LIFE.md has the result of the last run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# The named histories, then the exploration: the first one that fails has caught it.
TESTS = [
    f"tests/hooks/test_{name}.py" for name in ("life", "status", "staging", "guards", "backup", "resync", "exploration")
]
PARTS = ("api", "common", "dashboard", "hooks", "metacontroller", "templates")


class Mutation(NamedTuple):
    """One change to a file that a store's life depends on: ``old`` must occur once, and becomes ``new``."""

    what: str
    file: str
    old: str
    new: str


MUTATIONS = [
    Mutation(
        "an unseen Job counts as done",
        "hooks/core/jobs.py",
        "return any(map(complete, answering(request, wanted)))",
        "return bool(answering(request, wanted))",
    ),
    Mutation(
        "the database does not wait for Jobs at work",
        "hooks/core/staging.py",
        "in_use = serving(stages, request) is not None or bool(at_work)",
        "in_use = False",
    ),
    Mutation(
        "a restore does not wait until nothing serves",
        "hooks/core/staging.py",
        "if still := serving(stages[place + 1 :], request):",
        "if still := None:",
    ),
    Mutation(
        "a Job that is not needed any more keeps running beside others",
        "hooks/core/staging.py",
        "if waits_for is None and superseded and (stage.offline or _has_jobs(stage)):",
        "if False:",
    ),
    Mutation(
        "another Job starts while a requested backup has pods",
        "hooks/core/staging.py",
        "if waits_for is None and saving and _has_jobs(stage) and _unfinished(stage, request):",
        "if False:",
    ),
    Mutation(
        "a live shop closes for a backup that was not checked",
        "hooks/core/life.py",
        "checked=wanted is not None and (not _open(request, release) or _checked(request, wanted, restores + 1)),",
        "checked=wanted is not None,",
    ),
    Mutation(
        "the record of a restore is not kept",
        "hooks/core/staging.py",
        "elif everything or protected(key, seen) or seen in records:",
        "elif everything or protected(key, seen):",
    ),
    Mutation(
        "a rollback ignores that the migration had started",
        "hooks/core/life.py",
        'restore = release.restore or (release.snapshot if release.migrated else "")',
        "restore = release.restore",
    ),
    Mutation(
        "a migration of other data counts for this data",
        "hooks/core/life.py",
        'return f"{attempt}#{restores}" if restores else attempt',
        'return ""',
    ),
    Mutation(
        "the status shows the host of the spec",
        "hooks/core/status.py",
        'host = next(iter(served), store.hostname if store.hostname in held else "")',
        "host = store.hostname",
    ),
    Mutation(
        "what is left without pods counts as ready",
        "hooks/core/staging.py",
        "if not revised and not idle:",
        "if not revised:",
    ),
    Mutation(
        "a closed store's Ingress follows the spec to any host",
        "hooks/core/staging.py",
        "elif incomplete:",
        "elif False:",
    ),
    Mutation(
        "volumes are removed with objects that no template names",
        "hooks/core/retention.py",
        'PROTECTED = {"Namespace", "PersistentVolumeClaim", "Secret", "StatefulSet"}',
        'PROTECTED = {"Namespace", "Secret", "StatefulSet"}',
    ),
    Mutation(
        "a transition time is the time of the answer",
        "hooks/core/conditions.py",
        'old.get("lastTransitionTime") or request.now',
        "request.now",
    ),
    Mutation(
        "times beyond the year 9999 are computed",
        "common/times.py",
        "except OverflowError:\n        return LAST if hours > 0 else FIRST",
        "except ZeroDivisionError:\n        return LAST if hours > 0 else FIRST",
    ),
    Mutation(
        "no sync is requested for what follows from a status",
        "hooks/core/sync.py",
        'return _resync(request, settings, "changing") if same else NEXT_STEP_SECONDS',
        "return math.inf",
    ),
    Mutation(
        "objects that run nothing are created before host and namespace are the store's",
        "hooks/core/staging.py",
        "return placed and manifest.key.kind not in",
        "return manifest.key.kind not in",
    ),
]


def explored(mutation: Mutation, histories: int) -> str:
    """Test and explore the mutated core. Return the first test that failed, and its message; "" if none did.

    :raise ValueError: the file does not contain what is to be changed.
    :raise RuntimeError: the tests did not run.
    """
    with tempfile.TemporaryDirectory() as home:
        copied = Path(home)
        for part in PARTS:
            shutil.copytree(ROOT / part, copied / "storeplatform" / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("charts", "tests"):
            shutil.copytree(ROOT / part, copied / part, ignore=shutil.ignore_patterns("__pycache__"))
        file = copied / "storeplatform" / mutation.file
        text = file.read_text()
        if text.count(mutation.old) != 1:
            raise ValueError(f"{mutation.file} must hold once what is to be broken: {mutation.old}")
        file.write_text(text.replace(mutation.old, mutation.new))
        options = ["-q", "-x", "-p", "no:logging", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", home]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *TESTS],
            cwd=home,
            env={
                **os.environ,
                "PYTHONPATH": home,
                "STORE_PLATFORM_EXPLORE": str(histories),
                "STORE_PLATFORM_EXPLORE_FAST": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return ""
        test = re.search(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)
        found = re.search(r"^E +((?:\w+\.)*\w*(?:Error|Exception).*)", done.stdout, re.MULTILINE)
        if test is None:
            raise RuntimeError(f"no test failed, but pytest ended with {done.returncode}: {done.stdout}{done.stderr}")
        return f"{test[1]}: {found[1][:120] if found else 'failed'}"


def main(histories: int = 400) -> int:
    """Apply each mutation; return 1 if one is not noticed."""
    missed = 0
    for mutation in MUTATIONS:
        caught = explored(mutation, histories)
        missed += not caught
        print(f"{mutation.what}: {caught or 'NOT CAUGHT'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
