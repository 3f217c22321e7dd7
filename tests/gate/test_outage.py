"""The gate unavailable, recovering, and with a renewed certificate: what that blocks, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.cluster.client import ApiError, Client
from tests.cluster.waiting import wait_until
from tests.stores.gate import HOST, Gate
from tests.stores.platform import API

from .callers import store

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture
def gate_killed(empty: None, gate: Gate, clients: dict[str, Client]) -> Any:
    """A store was created, and the gate was killed."""
    clients["ann"].create(store("there"))
    gate.kill()
    yield
    gate.start()


@pytest.mark.usefixtures("gate_killed")
def test_without_the_gate_nothing_is_created_and_everything_else_works(gate: Gate, clients: dict[str, Client]) -> None:
    with pytest.raises(ApiError, match=r'failed calling webhook "create[.]stores') as error:
        clients["ann"].create(store("more"))
    assert error.value.code == 500
    status = {"status": {"phase": "Ready"}}
    clients["metacontroller"].replace({**live(gate), **status}, "status")
    clients["metacontroller"].replace(with_finalizer(gate))
    clients["ann"].patch(store("there"), {"spec": {"plan": "large"}})
    assert gate.client.get(API, "Store", "there")["status"] == status["status"]
    clients["ann"].delete(store("there"))
    gate.client.patch(store("there"), {"metadata": {"finalizers": None}})
    wait_until(lambda: gate.client.list_all(API, "Store") == [], "it is gone")


def live(gate: Gate) -> dict[str, Any]:
    return {**gate.client.get(API, "Store", "there"), "apiVersion": API, "kind": "Store"}


def with_finalizer(gate: Gate) -> dict[str, Any]:
    found = live(gate)
    found["metadata"]["finalizers"] = ["example.com/held"]
    return found


def test_a_killed_process_is_not_noticed_while_another_one_responds(gate: Gate, clients: dict[str, Client]) -> None:
    gate.processes[0].kill()
    try:
        wait_until(lambda: clients["ann"].create(store("made")), "the other process answers")
    finally:
        gate.start()


def test_a_renewed_certificate_is_served_without_a_restart(gate: Gate) -> None:
    before = gate.serial_number(gate.ports[0])
    pids = [process.pid for process in gate.processes]
    gate.write_certificate()
    assert gate.serial_number(gate.ports[0]) != before
    assert [process.pid for process in gate.processes] == pids


def test_the_gate_accepts_only_tls(gate: Gate) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{HOST}:{gate.ports[0]}/healthz", timeout=5)


def test_records_from_before_a_crash_are_completed_after_it(gate: Gate, clients: dict[str, Client]) -> None:
    for number in range(4):
        clients["ann"].create(store(f"quick-{number}"))
    gate.kill()
    gate.start()
    wait_until(
        lambda: {f"quick-{n}" for n in range(4)} <= {each.store for each in gate.records()}, "all four are reported"
    )
