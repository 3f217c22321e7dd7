"""Faults of the hooks, the controller or the API server while stores are in progress.

Each fault receives `release`, which lets the stores continue: it is called while the part is down or blind, so that the
part's knowledge is outdated when it continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.stores.platform import Platform

from .lagging import LaggingProxy

Release = Callable[[], None]
Fault = Callable[[Platform, LaggingProxy, Release], None]

STALE_SECONDS = 6.0
# Around the 10 s that Metacontroller waits for a hook's response.
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


def respond_with_stale_state(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    """The hooks respond, first in time and then too late, to requests from before the stores continued."""
    platform.hooks.freeze()
    release()
    time.sleep(IN_TIME_SECONDS)
    platform.hooks.thaw()
    platform.hooks.freeze()
    time.sleep(TOO_LATE_SECONDS)
    platform.hooks.thaw()


def continue_with_a_stale_cache(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    """The controller continues with its current work, using its outdated cache."""
    platform.loop.freeze()
    release()
    time.sleep(STALE_SECONDS)
    platform.loop.thaw()


def delay_watch_events(platform: Platform, proxy: LaggingProxy, release: Release) -> None:
    """The API server accepts writes, but its watches lag: the controller works with outdated state."""
    proxy.hold_back()
    release()
    time.sleep(STALE_SECONDS)
    proxy.let_pass()


FAULTS: dict[tuple[str, str], Fault] = {
    ("hooks", "killed"): kill_hooks,
    ("hooks", "stale"): respond_with_stale_state,
    ("loop", "killed"): kill_loop,
    ("loop", "stale"): continue_with_a_stale_cache,
    ("API server", "killed"): kill_api_server,
    ("API server", "stale"): delay_watch_events,
}
