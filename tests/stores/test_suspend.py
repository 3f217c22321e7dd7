"""A suspended shop keeps its data, its passwords and its host."""

from __future__ import annotations

from tests.cluster.waiting import wait_until

from .compare import by_identity
from .platform import API, Platform


def test_a_suspended_store_has_no_pods_and_resumes_as_the_same_shop(platform: Platform) -> None:
    platform.apply("sleepy")
    platform.await_phase("sleepy", "Ready")
    before = by_identity(platform.children("sleepy"))
    platform.apply("sleepy", suspended=True)
    platform.await_phase("sleepy", "Suspended")

    def suspended() -> bool:
        pods = platform.client.list_all("v1", "Pod", "store-sleepy")
        return [pod for pod in pods if pod["status"]["phase"] == "Running"] == []

    wait_until(suspended, "no pod runs")
    wait_until(lambda: "keeps its data" in ready(platform, "sleepy"), "the status says so")
    sleeping = by_identity(platform.children("sleepy"))
    assert set(sleeping) == set(before)
    assert sleeping["Secret credentials"] == before["Secret credentials"]
    assert sleeping["Ingress store"] == before["Ingress store"]
    platform.apply("sleepy", suspended=False)
    platform.await_phase("sleepy", "Ready")
    assert by_identity(platform.children("sleepy")) == before


def ready(platform: Platform, name: str) -> str:
    return next(c["message"] for c in platform.store(name)["status"]["conditions"] if c["type"] == "Ready")


def test_the_database_stops_after_everything_that_uses_it(platform: Platform) -> None:
    platform.apply("orderly")
    platform.await_phase("orderly", "Ready")
    mark = platform.plane.audit.mark()
    platform.apply("orderly", suspended=True)
    wait_until(lambda: "keeps its data" in ready(platform, "orderly"), "the store is suspended")
    scaled = [
        r.name
        for r in platform.plane.audit.requests(mark)
        if r.namespace == "store-orderly" and r.verb == "update" and r.resource in ("deployments", "statefulsets")
        and r.user.endswith(":metacontroller") and r.code == 200
    ]  # fmt: skip
    assert (sorted(scaled[:-1]), scaled[-1]) == (["backend", "storefront"], "database")


def test_a_store_created_suspended_creates_nothing_until_it_is_resumed(platform: Platform) -> None:
    platform.apply("unborn", suspended=True)
    platform.await_phase("unborn", "Suspended")
    assert platform.children("unborn") == []
    platform.apply("unborn", suspended=False)
    platform.await_phase("unborn", "Ready")


def test_a_suspended_store_can_be_deleted(platform: Platform) -> None:
    platform.apply("ended")
    platform.await_phase("ended", "Ready")
    platform.apply("ended", suspended=True)
    platform.await_phase("ended", "Suspended")
    platform.client.delete(platform.store("ended"))
    wait_until(lambda: platform.client.find(API, "Store", "ended") is None, "the Store is gone", 90)
