"""The platform's manifests: minimal permissions, and complete in the package."""

from __future__ import annotations

from pathlib import Path

from storeplatform.metacontroller import MANIFESTS
from tests.stores.platform import shipped


def test_no_role_has_a_wildcard() -> None:
    rules = [rule for obj in shipped("rbac.yaml") if obj["kind"].endswith("Role") for rule in obj["rules"]]
    assert [rule for rule in rules if "*" in str(rule)] == []


def test_every_kind_of_child_has_an_update_strategy_and_permissions() -> None:
    (controller,) = shipped("controller.yaml")
    rules = {
        (group, resource)
        for obj in shipped("rbac.yaml")
        if obj["kind"] == "ClusterRole"
        for rule in obj["rules"]
        if {"create", "update", "delete"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for child in controller["spec"]["childResources"]:
        assert child["updateStrategy"] == {"method": "InPlace"}
        group = child["apiVersion"].rpartition("/")[0]
        assert (group, child["resource"]) in rules


def test_every_manifest_is_in_the_package() -> None:
    source = Path(__file__).parents[2]
    for package, installed in [(name, MANIFESTS.parent / name) for name in ("metacontroller", "templates")]:
        wanted = {str(f.relative_to(source / package)) for f in (source / package).rglob("*") if f.is_file()}
        there = {str(f.relative_to(installed)) for f in installed.rglob("*") if f.is_file()}
        assert {name for name in wanted - there if "__pycache__" not in name} == set()
