"""The Ready message names what keeps a store from running, and stores recover automatically where that is possible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..cluster.client import Object
from ..cluster.waiting import wait_until
from .stores import BROKEN, Stores

# It takes seconds, because the pod's own change triggers the sync (tests/stores/test_causes.py); if that event were
# lost, a store that is not ready is synced again within 24 s. A machine under load takes longer.
NAMED_SECONDS = 120


def ended(stores: Stores, store: str, component: str) -> Object:
    """Return how the component's container ended last; empty if it has not."""
    for pod in stores.pods(f"store-{store}", component):
        for status in pod["status"].get("containerStatuses", []):
            for state in (status["state"], status["lastState"]):
                if "terminated" in state:
                    return dict(state["terminated"])
    return {}


def test_a_missing_image_is_named(broken: Stores) -> None:
    def waits() -> bool:
        statuses = [
            s for pod in broken.pods("store-missing", "migrate") for s in pod["status"].get("initContainerStatuses", [])
        ]
        return any(status["state"].get("waiting", {}).get("reason") == "ErrImagePull" for status in statuses)

    wait_until(waits, "the image can't be pulled", 600)
    broken.await_message("missing", lambda message: "store-medusa-missing:1" in message, NAMED_SECONDS)


def test_a_crashing_container_is_named_with_its_exit_code(broken: Stores) -> None:
    wait_until(lambda: ended(broken, "looping", "storefront"), "the storefront has crashed", 600)
    message = broken.await_message("looping", lambda message: "exit code 3" in message, NAMED_SECONDS)
    assert "storefront" in message


def test_a_container_at_its_memory_limit_is_named_and_its_shop_stays_open(stores: Stores) -> None:
    """The previous pods stay until those with the new limit are ready."""
    stores.apply("two", plan="starved")
    try:
        killed = wait_until(lambda: ended(stores, "two", "storefront"), "the storefront is killed", 300)
        message = stores.await_message("two", lambda message: "OOMKilled" in message, NAMED_SECONDS)
        assert stores.answer("two") == 200
    finally:
        stores.apply("two", plan="small")
    assert (killed["reason"], killed["exitCode"]) == ("OOMKilled", 137)
    assert "storefront" in message
    stores.await_all_ready()


@pytest.fixture(scope="module")
def broken(stores: Stores) -> Iterator[Stores]:
    """Create stores that can't become ready."""
    stores.apply_broken()
    yield stores
    stores.delete(*BROKEN)
