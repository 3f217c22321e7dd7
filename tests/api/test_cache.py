"""The API's cache of stores while the API server fails and recovers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import requests

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API

from .conftest import install
from .server import USERS, Api, ApiClient


@pytest.fixture
def own_plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        install(plane)
        yield plane


def make(plane: ControlPlane, name: str) -> None:
    plane.client.create(
        {"apiVersion": API, "kind": "Store", "metadata": {"name": name}, "spec": {"engine": "medusa", "owner": "ann"}}
    )


def known(caller: ApiClient) -> set[str]:
    return {each["name"] for each in caller.get("/stores")["items"]}


def readiness(api: Api) -> dict[str, object]:
    answer: dict[str, object] = requests.get(f"{api.url}/readyz", timeout=5).json()
    return answer


def test_reads_continue_without_the_api_server_and_report_their_staleness(own_plane: ControlPlane) -> None:
    with Api(own_plane, settings={"tokenReview": {"cacheSeconds": 60, "audiences": []}}) as api:
        ada = api.caller("ada")
        make(own_plane, "before")
        wait_until(lambda: known(ada) == {"before"}, "the store is seen", 10)
        assert api.metric("store_api_cache_stale_seconds") == 0
        own_plane.kill("kube-apiserver")
        wait_until(lambda: api.metric("store_api_cache_stale_seconds") > 0, "it knows that it is stale", 20)
        assert readiness(api)["ready"] is True
        assert known(ada) == {"before"}
        refused = ada.create("meanwhile")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:store-platform:unavailable")
        assert "Retry-After" in refused.headers
        own_plane.start_component("kube-apiserver")
        make(own_plane, "after")
        wait_until(lambda: known(ada) == {"before", "after"}, "the watch continues", 60)
        assert api.metric("store_api_cache_stale_seconds") == 0


def test_a_watch_that_is_too_old_starts_with_a_new_list(own_plane: ControlPlane) -> None:
    with Api(own_plane) as api:
        ada = api.caller("ada")
        make(own_plane, "goes")
        make(own_plane, "stays")
        wait_until(lambda: known(ada) == {"goes", "stays"}, "both are seen", 10)
        # The process is frozen while its watch ends, and during a deletion whose event is no longer kept when it
        # continues.
        api.processes[0].freeze()
        own_plane.kill("kube-apiserver")
        own_plane.start_component("kube-apiserver")
        own_plane.client.delete({"apiVersion": API, "kind": "Store", "metadata": {"name": "goes"}})
        make(own_plane, "comes")
        own_plane.kill("kube-apiserver")
        own_plane.start_component("kube-apiserver")
        api.processes[0].thaw()
        wait_until(lambda: known(ada) == {"stays", "comes"}, "it caught up", 60)
        assert '"error": "410' in api.processes[0].log.read_text()


def test_an_api_server_that_hangs_times_out_and_cached_reads_continue(own_plane: ControlPlane) -> None:
    with Api(own_plane, settings={"tokenReview": {"cacheSeconds": 60, "audiences": []}}) as api:
        ada = api.caller("ada")
        assert known(ada) == set()
        pid = own_plane.pids()["kube-apiserver"]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert ada.create("unanswered").status_code == 503
            assert known(ada) == set()
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_writer_reads_their_own_write(api: Api) -> None:
    ann = api.caller("ann")
    for number in range(20):
        assert ann.create(f"mine-{number}").status_code == 202
        assert f"mine-{number}" in known(ann)


def test_waiting_for_an_unknown_version_times_out(api: Api) -> None:
    answer = api.caller("ann")("GET", "/stores", headers={"Min-Resource-Version": str(10**15)})
    assert (answer.status_code, answer.headers["Retry-After"]) == (412, "1")
