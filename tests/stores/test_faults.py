"""The hooks, the loop or the API server fail at each stage in turn: the store becomes what it would have been."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cluster.client import ApiError, Object
from tests.cluster.waiting import wait_until

from .compare import by_identity
from .platform import API, Platform

STAGES = ["NamespaceReady", "DatabaseReady", "Migrated", "BackendReady", "StorefrontReady", "Exposed", "Ready"]


def kill_hooks(platform: Platform) -> Callable[[], None]:
    platform.hooks.kill()
    return platform.start_hooks


def kill_loop(platform: Platform) -> Callable[[], None]:
    platform.loop.kill()
    return platform.loop.start


def kill_api_server(platform: Platform) -> Callable[[], None]:
    platform.plane.kill("kube-apiserver")
    return lambda: platform.plane.start_component("kube-apiserver")


@pytest.fixture(scope="module")
def undisturbed(platform: Platform) -> dict[str, Object]:
    """What the store is made of when nothing fails."""
    platform.apply("faulty")
    platform.await_phase("faulty", "Ready")
    objects = by_identity(platform.children("faulty"), with_data=False)
    remove(platform)
    return objects


@pytest.fixture
def removed(platform: Platform) -> Iterator[None]:
    """The store is gone afterwards, so that the next one can have its name."""
    yield
    remove(platform)


def remove(platform: Platform) -> None:
    platform.client.delete(platform.store("faulty"))
    wait_until(lambda: platform.client.find(API, "Store", "faulty") is None, "the Store is gone", 120)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", [kill_hooks, kill_loop, kill_api_server], ids=lambda fault: fault.__name__)
def test_a_fault_at_any_stage_changes_nothing_of_what_is_made(
    platform: Platform,
    undisturbed: dict[str, Object],
    removed: None,
    fault: Callable[[Platform], Callable[[], None]],
    stage: str,
) -> None:
    platform.apply("faulty")
    wait_until(lambda: at_or_after(platform, stage), f"the store is at {stage}", interval=0.01)
    secret = secret_data(platform)
    mend = fault(platform)
    mend()
    platform.await_phase("faulty", "Ready", 120)
    assert by_identity(platform.children("faulty"), with_data=False) == undisturbed
    assert secret in (None, secret_data(platform))


def at_or_after(platform: Platform, stage: str) -> bool:
    """Whether the first condition that does not hold is ``stage`` or a later one."""
    conditions = platform.store("faulty").get("status", {}).get("conditions", [])
    unmet = [c["type"] for c in conditions if c["status"] == "False" and c["reason"] not in ("Waiting", "AsDesired")]
    blocked = next(iter(unmet), "Ready" if conditions else "Accepted")
    return blocked in STAGES[STAGES.index(stage) :]


def secret_data(platform: Platform) -> dict[str, str] | None:
    try:
        return platform.client.get("v1", "Secret", "credentials", "store-faulty")["data"]
    except ApiError as error:
        if error.code == 404:
            return None
        raise
