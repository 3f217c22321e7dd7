"""Somebody who asks for a page again and again, while something else happens."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import requests

from .cluster import DOMAIN
from .stores import Stores

# What is visited shares the machine with everything else.
PAUSE_SECONDS = 0.1


@contextmanager
def visited(
    stores: Stores, host: str, path: str = "/", headers: Mapping[str, str] | None = None
) -> Iterator[Callable[[], int]]:
    """Somebody asks for a page again and again; gives how often they did so far.

    :param headers: what they send besides.
    :raise AssertionError: an answer was an error, or there was none.
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
    """Somebody changes a store by kubectl again and again; gives how often they did so far.

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
    """Do it in a thread again and again until the end, which fails if one of the times did.

    :param act: what went wrong, or an empty string.
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
