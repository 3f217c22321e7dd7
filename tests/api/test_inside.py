"""What is inside a running store: its pods and why they wait, events, logs, and passwords on request."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.cluster.client import ApiError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.engines import STAGES as BAD_PODS
from tests.stores.engines import UNPULLABLE, with_more_versions
from tests.stores.platform import API, Platform

from .issuer import Issuer
from .server import USERS, Api, ApiClient


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


def test_a_stores_pods_are_listed_with_their_states(ann: ApiClient, shop: str) -> None:
    pods = ann.get(f"/stores/{shop}/pods")["items"]
    running = {pod["component"] for pod in pods if pod["ready"] and pod["phase"] == "Running"}
    assert running == {"backend", "database", "storefront"}
    (backend,) = [pod for pod in pods if pod["component"] == "backend"]
    assert [(each["name"], each["state"], each["ready"]) for each in backend["containers"]] == [
        ("medusa", "running", True)
    ]


def test_a_waiting_pod_has_a_reason(ann: ApiClient, platform: Platform) -> None:
    ann.create("waiting", version=UNPULLABLE)

    def reasons() -> set[str]:
        pods = ann.get("/stores/waiting/pods")["items"]
        return {container["reason"] for pod in pods for container in pod["containers"] if container["reason"]}

    wait_until(lambda: "ImagePullBackOff" in reasons(), "the reason is reported", 60)


def test_a_stores_events_are_listed_newest_first(ann: ApiClient, shop: str) -> None:
    events = ann.get(f"/stores/{shop}/events")["items"]
    assert {"Deployment/backend", "StatefulSet/database"} <= {each["object"] for each in events}
    times = [each["lastSeen"] for each in events]
    assert times == sorted(times, reverse=True)


def backend_of(caller: ApiClient, store: str) -> str:
    pods = caller.get(f"/stores/{store}/pods")["items"]
    return next(str(pod["name"]) for pod in pods if pod["component"] == "backend")


def test_a_log_is_returned_from_its_end(ann: ApiClient, shop: str, plane: ControlPlane) -> None:
    plane.print_in_pods("one", "two", "three")
    answer = ann("GET", f"/stores/{shop}/pods/{backend_of(ann, shop)}/log", params={"tail": 2})
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.split() == ["two", "three"]


def test_a_followed_log_includes_later_lines(ann: ApiClient, shop: str, plane: ControlPlane) -> None:
    plane.print_in_pods("earlier")
    path = f"/stores/{shop}/pods/{backend_of(ann, shop)}/log"
    with closing(ann("GET", path, params={"tail": 1, "follow": "true"}, stream=True)) as log:
        lines = (line for line in log.iter_lines(chunk_size=1) if line)
        assert next(lines) == b"earlier"
        threading.Thread(target=plane.print_in_pods, args=("later",)).start()
        assert next(lines) == b"later"


def test_a_missing_pod_or_container_is_named_in_the_error(ann: ApiClient, shop: str) -> None:
    assert ann("GET", f"/stores/{shop}/pods/nothing/log").status_code == 404
    answer = ann("GET", f"/stores/{shop}/pods/{backend_of(ann, shop)}/log", params={"container": "x"})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"pointer": "?container", "detail": "must be one of: medusa"}],
    )


def test_reading_the_passwords_is_recorded(ann: ApiClient, shop: str, plane: ControlPlane) -> None:
    revealed = ann.get(f"/stores/{shop}/credentials")
    assert revealed["username"] == "admin@shop.stores.localhost"
    assert revealed["adminURL"] == "http://shop.stores.localhost/app"
    secret = plane.client.get("v1", "Secret", "credentials", "store-shop")["data"]["admin-password"]
    assert revealed["password"] == base64.b64decode(secret).decode()

    def recorded() -> list[tuple[str, str]]:
        items = ann.get("/audit", action="reveal-credentials")["items"]
        return [(each["store"], each["outcome"]) for each in items]

    wait_until(lambda: recorded() == [("shop", "admitted")], "it is recorded", 20)


def test_a_silent_followed_log_is_released_when_its_reader_disconnects(
    api: Api, ann: ApiClient, shop: str, plane: ControlPlane
) -> None:
    path = f"/stores/{shop}/pods/{backend_of(ann, shop)}/log"
    plane.print_in_pods("silence follows")  # a log without lines has no response yet
    logs = [ann("GET", path, params={"tail": 1, "follow": "true"}, stream=True) for _ in range(20)]
    assert {each.status_code for each in logs} == {200}
    assert ann("GET", path, params={"follow": "true"}).status_code == 429
    for each in logs:
        each.close()
    wait_until(lambda: api.metric("store_api_streams") == 0, "all places are free", 10)


def test_a_silent_log_and_a_stream_end_with_their_token(platform: Platform, ann: ApiClient, shop: str) -> None:
    platform.plane.print_in_pods("silence follows")
    with Issuer() as issuer, Api(platform.plane, settings={"oidc": issuer.settings()}) as api:
        backend = backend_of(ann, shop)
        ending = ApiClient(api.url, issuer.token("ann@example.com", exp=time.time() + 10))
        log = ending("GET", f"/stores/{shop}/pods/{backend}/log", params={"tail": 1, "follow": "true"}, stream=True)
        changes = ending("GET", "/changes", stream=True)
        with closing(log), closing(changes):
            assert (log.status_code, changes.status_code) == (200, 200)
            assert log.content is not None
            assert changes.content.startswith(b"retry")
        wait_until(lambda: api.metric("store_api_streams") == 0, "their places are free")


def test_no_password_is_in_a_log_or_the_audit(api: Api, ann: ApiClient, shop: str) -> None:
    password = ann.get(f"/stores/{shop}/credentials")["password"]
    assert password not in api.processes[0].log.read_text()
    assert password not in ann("GET", "/audit.csv").text


def test_an_owner_sees_a_store_through_its_life(ann: ApiClient, platform: Platform) -> None:
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


def test_a_namespace_of_somebody_else_shows_nothing(ann: ApiClient, plane: ControlPlane) -> None:
    """It existed before the store, as another team's; the API's role would allow reading it."""
    namespace = {"name": "store-warehouse"}
    plane.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
    inside = {"namespace": "store-warehouse"}
    data = {"admin-password": base64.b64encode(b"theirs").decode()}
    plane.client.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "credentials", **inside}, "data": data}
    )
    pod = {"nodeName": "node-0", "containers": [{"name": "c", "image": "i"}]}
    plane.client.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "theirs", **inside}, "spec": pod})
    of = {"kind": "Pod", "name": "theirs", "namespace": "store-warehouse"}
    event = {"metadata": {"name": "theirs", **inside}, "involvedObject": of, "message": "theirs"}
    plane.client.create({"apiVersion": "v1", "kind": "Event", **event})
    plane.client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "intent-api", **inside},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "store-inside"},
            "subjects": [{"kind": "ServiceAccount", "name": "api", "namespace": "store-platform"}],
        }
    )
    assert ann.create("warehouse").status_code == 202
    assert ann.get("/stores/warehouse/pods")["items"] == []
    assert "theirs" not in ann("GET", "/stores/warehouse/events").text
    assert ann("GET", "/stores/warehouse/pods/theirs/log").status_code == 404
    assert ann("GET", "/stores/warehouse/credentials").status_code == 409


def test_events_of_an_earlier_store_of_the_same_name_are_not_shown(
    ann: ApiClient, ben: ApiClient, plane: ControlPlane
) -> None:
    ben.create("reused")
    uid = plane.client.get(API, "Store", "reused")["metadata"]["uid"]
    of = {"apiVersion": API, "kind": "Store", "name": "reused", "uid": uid}
    event = {"metadata": {"name": "reused.1", "namespace": "default"}, "involvedObject": of, "message": "of ben's"}
    plane.client.create({"apiVersion": "v1", "kind": "Event", **event})
    assert "of ben's" in ben("GET", "/stores/reused/events").text
    ben("DELETE", "/stores/reused?confirm=reused")
    wait_until(lambda: plane.client.find(API, "Store", "reused") is None, "it is gone", 60)
    wait_until(lambda: ann.create("reused").status_code == 202, "the name is free")
    assert "of ben's" not in ann("GET", "/stores/reused/events").text


METRICS = "metrics.k8s.io"
# Stands in for the metrics API, which has its own server on a real cluster: here the API server stores the objects.
POD_METRICS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": f"pods.{METRICS}",
        "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
    },
    "spec": {
        "group": METRICS,
        "scope": "Namespaced",
        "names": {"plural": "pods", "singular": "pod", "kind": "PodMetrics"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


def test_memory_use_is_shown_if_the_cluster_measures_it(ann: ApiClient, plane: ControlPlane, shop: str) -> None:
    path = f"/apis/{METRICS}/v1beta1/namespaces/store-{shop}/pods"

    def served() -> bool:
        try:
            plane.client.request("GET", path)
        except ApiError:
            return False
        return True

    def memory() -> int | None:
        used: int | None = ann.get(f"/stores/{shop}/pods")["memoryBytes"]
        return used

    assert memory() is None
    plane.client.create(POD_METRICS)
    try:
        wait_until(served, "metrics can be written")
        for name, used in (("a", "1024Ki"), ("b", "2Mi"), ("c", "1048576")):
            containers = [{"name": "shop", "usage": {"cpu": "1m", "memory": used}}]
            head = {"apiVersion": f"{METRICS}/v1beta1", "kind": "PodMetrics", "metadata": {"name": name}}
            plane.client.request("POST", path, {**head, "containers": containers})
        wait_until(lambda: memory() == 4 * 2**20, "the memory is the sum of all containers'")
    finally:
        plane.client.delete(POD_METRICS)
