"""Deletion, and a live store that moves to another shard."""

from __future__ import annotations

from .world import START, World, conditions, ready


def test_a_deleted_store_loses_its_writers_first_and_then_its_data(world: World) -> None:
    world.settle()
    world.parent["metadata"]["deletionTimestamp"] = START
    first = {child["kind"] for child in world.step()["children"]}
    assert first == {"Namespace", "PersistentVolumeClaim", "Secret", "StatefulSet"}
    assert world.step()["children"] == []


def test_a_deleted_store_reports_what_remains_and_what_holds_it(world: World) -> None:
    world.settle()
    world.parent["metadata"]["deletionTimestamp"] = START
    world.observed = {key: obj for key, obj in world.observed.items() if key.kind in ("Service", "Namespace")}
    world.find("Service", "backend")["metadata"]["finalizers"] = ["example.com/hold"]
    answer = world.ask(finalizing=True)
    assert (answer["children"], answer["finalized"], answer["status"]["phase"]) == ([], False, "Terminating")
    assert conditions(answer["status"]) == {"Terminating": "True", "Ready": "False"}
    assert ready(answer["status"])[1] == (
        "4 objects remain: Namespace store-demo; Service backend (held by the finalizer example.com/hold); "
        "Service database; Service storefront"
    )


def test_many_leftovers_are_counted_and_not_all_named(world: World) -> None:
    world.settle()
    world.parent["metadata"]["deletionTimestamp"] = START
    assert ready(world.ask(finalizing=True)["status"])[1].endswith(f"; and {len(world.observed) - 5} more")


def test_a_namespace_that_can_not_be_deleted_reports_why(world: World) -> None:
    world.settle()
    world.parent["metadata"]["deletionTimestamp"] = START
    world.observed = {key: obj for key, obj in world.observed.items() if key.kind == "Namespace"}
    world.find("Namespace", "store-demo")["status"]["conditions"] = [
        {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: pods. has 1"}
    ]
    assert ready(world.ask(finalizing=True)["status"])[1] == (
        "1 objects remain: Namespace store-demo (Some resources are remaining: pods. has 1)"
    )


def test_a_deleted_store_is_finalized_once_its_status_reports_nothing_left(world: World) -> None:
    world.settle()
    world.parent["metadata"]["deletionTimestamp"] = START
    world.observed = {}
    gone = world.step()
    assert gone["finalized"] is False
    assert ready(gone["status"])[1] == "nothing remains"
    assert world.ask(finalizing=True)["finalized"] is True


def test_a_live_store_that_leaves_its_shard_keeps_every_child(world: World) -> None:
    settled = world.settle()
    answer = world.ask(finalizing=True)
    assert answer["finalized"] is True
    assert answer["children"] == settled["children"]
    assert answer["status"]["phase"] == "Ready"


def test_a_sync_never_returns_finalized(world: World) -> None:
    assert world.settle()["finalized"] is False
