"""A visitor who requests a page repeatedly, while something else happens."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import requests

from .cluster import DOMAIN
from .stores import Stores

# The pages share the machine with everything else.
PAUSE_SECONDS = 0.1


@contextmanager
def visited(
    stores: Stores, host: str, path: str = "/", headers: Mapping[str, str] | None = None
) -> Iterator[Callable[[], int]]:
    """Request a page repeatedly during the context; yield a function that returns how often so far.

    :param headers: additional headers.
    :raise AssertionError: a response was an error, or missing.
    """

    def visit(session: requests.Session) -> str:
        wanted = {**(headers or {}), "Host": f"{host}.{DOMAIN}"}
        try:
            answer = session.get(stores.real.base_url + path, headers=wanted, timeout=60)
        except requests.RequestException as error:
            return str(error)
        return "" if answer.ok else f"{answer.status_code}: {answer.text[:300]}"

    with requests.Session() as session:
        session.trust_env = False
        with _repeated(lambda: visit(session)) as count:
            yield count


@contextmanager
def changed(stores: Stores, name: str) -> Iterator[Callable[[], int]]:
    """Change a store by kubectl repeatedly during the context; yield a function that returns how often so far.

    :raise AssertionError: a change was refused.
    """

    def change() -> str:
        label = f"visits.example.com/count={next(numbers)}"
        try:
            stores.real.kubectl("label", "--overwrite", "store", name, label)
        except subprocess.CalledProcessError as error:
            return str(error.stderr)
        return ""

    numbers = itertools.count()
    with _repeated(change) as count:
        yield count


@contextmanager
def _repeated(act: Callable[[], str]) -> Iterator[Callable[[], int]]:
    """Repeat an action in a thread until the context ends, which raises if one failed.

    :param act: returns what went wrong, or "".
    """
    ended, count, failures = threading.Event(), [0], list[str]()

    def repeat() -> None:
        while not ended.wait(PAUSE_SECONDS):
            if failure := act():
                failures.append(failure)
            count[0] += 1

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield lambda: count[0]
    finally:
        ended.set()
        thread.join()
    assert (failures, count[0] > 0) == ([], True)
