"""What is inside a store that runs: its pods and why they wait, events, logs, and passwords when asked."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.engines import STAGES as BAD_PODS
from tests.stores.engines import UNPULLABLE, with_more_versions
from tests.stores.platform import Platform

from .server import USERS, Api, Caller


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS, extra_stages=BAD_PODS) as plane:
        yield plane


@pytest.fixture(scope="module")
def platform(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(plane, engines=with_more_versions(tmp_path_factory.mktemp("engines"))) as platform:
        yield platform


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[Api]:
    with Api(platform.plane, engines=platform.engines) as api:
        yield api


@pytest.fixture(scope="module")
def shop(platform: Platform, api: Api) -> str:
    """A store of ann's that is open."""
    api.caller("ann").create("shop")
    platform.await_phase("shop", "Ready")
    return "shop"


def test_a_stores_pods_are_told_with_what_they_are(ann: Caller, shop: str) -> None:
    pods = ann.get(f"/stores/{shop}/pods")["items"]
    running = {pod["component"] for pod in pods if pod["ready"] and pod["phase"] == "Running"}
    assert running == {"backend", "database", "storefront"}
    (backend,) = [pod for pod in pods if pod["component"] == "backend"]
    assert [(each["name"], each["state"], each["ready"]) for each in backend["containers"]] == [
        ("medusa", "running", True)
    ]


def test_a_pod_that_waits_says_why(ann: Caller, platform: Platform) -> None:
    ann.create("waiting", version=UNPULLABLE)

    def reasons() -> set[str]:
        pods = ann.get("/stores/waiting/pods")["items"]
        return {container["reason"] for pod in pods for container in pod["containers"] if container["reason"]}

    wait_until(lambda: "ImagePullBackOff" in reasons(), "the reason is told", 60)


def test_a_stores_events_are_told_the_newest_first(ann: Caller, shop: str) -> None:
    events = ann.get(f"/stores/{shop}/events")["items"]
    assert {"Deployment/backend", "StatefulSet/database"} <= {each["object"] for each in events}
    times = [each["lastSeen"] for each in events]
    assert times == sorted(times, reverse=True)


def backend_of(caller: Caller, store: str) -> str:
    pods = caller.get(f"/stores/{store}/pods")["items"]
    return next(str(pod["name"]) for pod in pods if pod["component"] == "backend")


def test_a_log_is_told_from_its_end(ann: Caller, shop: str, plane: ControlPlane) -> None:
    plane.print_in_pods("one", "two", "three")
    answer = ann("GET", f"/stores/{shop}/pods/{backend_of(ann, shop)}/log", params={"tail": 2})
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.split() == ["two", "three"]


def test_a_log_that_is_followed_tells_what_is_printed_later(ann: Caller, shop: str, plane: ControlPlane) -> None:
    plane.print_in_pods("earlier")
    path = f"/stores/{shop}/pods/{backend_of(ann, shop)}/log"
    with closing(ann("GET", path, params={"tail": 1, "follow": "true"}, stream=True)) as log:
        lines = (line for line in log.iter_lines(chunk_size=1) if line)
        assert next(lines) == b"earlier"
        threading.Thread(target=plane.print_in_pods, args=("later",)).start()
        assert next(lines) == b"later"


def test_a_pod_or_container_that_is_not_there_is_named(ann: Caller, shop: str) -> None:
    assert ann("GET", f"/stores/{shop}/pods/nothing/log").status_code == 404
    answer = ann("GET", f"/stores/{shop}/pods/{backend_of(ann, shop)}/log", params={"container": "x"})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"pointer": "?container", "detail": "must be one of: medusa"}],
    )


def test_the_passwords_are_told_to_the_owner_and_that_is_recorded(ann: Caller, shop: str, plane: ControlPlane) -> None:
    told = ann.get(f"/stores/{shop}/credentials")
    assert told["username"] == "admin@shop.stores.localhost"
    assert told["adminURL"] == "http://shop.stores.localhost/app"
    secret = plane.client.get("v1", "Secret", "credentials", "store-shop")["data"]["admin-password"]
    assert told["password"] == base64.b64decode(secret).decode()

    def recorded() -> list[tuple[str, str]]:
        items = ann.get("/audit", action="reveal-credentials")["items"]
        return [(each["store"], each["outcome"]) for each in items]

    wait_until(lambda: recorded() == [("shop", "admitted")], "it is recorded", 20)


def test_no_password_is_in_a_log_or_the_audit(api: Api, ann: Caller, shop: str) -> None:
    password = ann.get(f"/stores/{shop}/credentials")["password"]
    assert password not in api.processes[0].log.read_text()
    assert password not in ann("GET", "/audit.csv").text


def test_an_owner_sees_a_store_through_its_life(ann: Caller, platform: Platform) -> None:
    def phase() -> str:
        return str(ann.get("/stores/lived")["phase"])

    ann.create("lived")
    wait_until(lambda: phase() == "Ready", "it is open", 90)
    ann("POST", "/stores/lived/actions/restart")
    wait_until(lambda: phase() == "Ready", "it is open again", 90)
    ann("POST", "/stores/lived/actions/suspend")
    wait_until(lambda: phase() == "Suspended", "it is closed", 60)
    ann("POST", "/stores/lived/actions/resume")
    wait_until(lambda: phase() == "Ready", "it is open again", 60)
    ann("DELETE", "/stores/lived?confirm=lived")
    wait_until(lambda: ann("GET", "/stores/lived").status_code == 404, "it is gone", 60)
