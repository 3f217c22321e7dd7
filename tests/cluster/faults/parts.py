"""What befalls the hooks, the loop or the API server while stores are on their way.

Each fault is given `release`, which lets the stores continue: while the part is down or sees nothing, so that what it
knew is no longer so when it comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.stores.platform import Platform

from .lagging import LaggingProxy

Release = Callable[[], None]
Fault = Callable[[Platform, LaggingProxy, Release], None]

STALE_SECONDS = 6.0
# Around the 10 s that Metacontroller waits for a hook's answer.
IN_TIME_SECONDS, TOO_LATE_SECONDS = 4.0, 11.0


def kill_hooks(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    platform.hooks.kill()
    release()
    platform.start_hooks()


def kill_loop(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    platform.loop.kill()
    release()
    platform.loop.start()


def kill_api_server(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    platform.plane.kill("kube-apiserver")
    platform.plane.start_component("kube-apiserver")
    release()


def answer_of_the_past(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    """The hooks answer, first in time and then too late, what was asked before the stores went on."""
    platform.hooks.freeze()
    release()
    time.sleep(IN_TIME_SECONDS)
    platform.hooks.thaw()
    platform.hooks.freeze()
    time.sleep(TOO_LATE_SECONDS)
    platform.hooks.thaw()


def decide_by_the_past(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    """The loop continues with what it was doing, by its old cache."""
    platform.loop.freeze()
    release()
    time.sleep(STALE_SECONDS)
    platform.loop.thaw()


def tell_of_the_past(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    """The API server takes writes, and its watches lag: the loop asks and decides by what was."""
    proxy.hold_back()
    release()
    time.sleep(STALE_SECONDS)
    proxy.let_pass()


FAULTS: dict[tuple[str, str], Fault] = {
    ("hooks", "killed"): kill_hooks,
    ("hooks", "stale"): answer_of_the_past,
    ("loop", "killed"): kill_loop,
    ("loop", "stale"): decide_by_the_past,
    ("API server", "killed"): kill_api_server,
    ("API server", "stale"): tell_of_the_past,
}
