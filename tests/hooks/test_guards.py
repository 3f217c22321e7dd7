"""The guards: a response that would do damage is not sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from storeplatform.hooks.core import GuardError, SyncRequest, parse
from storeplatform.hooks.core.guards import check
from storeplatform.hooks.settings import Settings

from .world import World, store


@pytest.fixture(params=["medusa", "woocommerce"])
def settled(settings: Settings, request: pytest.FixtureRequest) -> tuple[SyncRequest, list[Any]]:
    world = World(settings, store(engine=request.param))
    children = world.settle()["children"]
    return parse(world.body(), world.now), copy.deepcopy(children)


def test_a_complete_response_passes(settled: tuple[SyncRequest, list[Any]]) -> None:
    check(*settled)


@pytest.mark.parametrize("kind", ["Namespace", "PersistentVolumeClaim", "Secret", "StatefulSet"])
def test_dropping_a_database_namespace_secret_or_claim_is_refused(settled: Any, kind: str) -> None:
    request, children = settled
    with pytest.raises(GuardError, match=f"^{kind} .* must stay until the store is deleted"):
        check(request, [child for child in children if child["kind"] != kind])


@pytest.mark.parametrize("bad", [None, "text", {}, {"apiVersion": "v1", "kind": "Secret", "metadata": {}}])
def test_a_child_that_is_not_an_object_is_refused(settled: Any, bad: Any) -> None:
    request, children = settled
    with pytest.raises(GuardError, match="must be an object"):
        check(request, [*children, bad])


def test_a_duplicate_child_is_refused(settled: Any) -> None:
    request, children = settled
    with pytest.raises(GuardError, match="is in the response twice"):
        check(request, [*children, children[-1]])


@pytest.mark.parametrize("namespace", ["kube-system", "", "store-other"])
def test_a_child_in_another_namespace_is_refused(settled: Any, namespace: str) -> None:
    request, children = settled
    children[-1]["metadata"]["namespace"] = namespace
    with pytest.raises(GuardError, match="must be in the namespace store-demo"):
        check(request, children)


def test_a_namespace_that_is_not_the_stores_is_refused(settled: Any) -> None:
    request, children = settled
    other = copy.deepcopy(next(child for child in children if child["kind"] == "Namespace"))
    other["metadata"]["name"] = "kube-system"
    with pytest.raises(GuardError, match="Namespace kube-system must be in"):
        check(request, [*children, other])


def test_a_child_without_the_stores_label_is_refused(settled: Any) -> None:
    request, children = settled
    del children[-1]["metadata"]["labels"]["platform.urumi.dev/store"]
    with pytest.raises(GuardError, match="must carry the label"):
        check(request, children)
