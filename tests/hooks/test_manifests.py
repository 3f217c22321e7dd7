"""All manifests of a store, compared with files that are written to be read.

After an intended change: ``STORE_PLATFORM_WRITE_EXPECTED=1 pytest tests/hooks/test_manifests.py``, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.settings import Settings

from .world import World, store

ENGINE_NAMES = ["medusa", "woocommerce"]
EXPECTED = Path(__file__).parent / "expected"


def manifests(settings: Settings, **spec: Any) -> list[Any]:
    return World(settings, store(**spec)).settle()["children"]


def compare(name: str, children: list[Any]) -> None:
    file = EXPECTED / name
    if os.environ.get("STORE_PLATFORM_WRITE_EXPECTED"):
        file.write_text(yaml.safe_dump_all(children, sort_keys=False, width=120))
    assert children == list(yaml.safe_load_all(file.read_text()))


def test_a_small_store_over_plain_http(settings: Settings) -> None:
    compare("medusa-small.yaml", manifests(settings))


def test_a_small_woocommerce_store(settings: Settings) -> None:
    compare("woocommerce-small.yaml", manifests(settings, engine="woocommerce"))


def test_a_large_store_with_every_option_set(settings_with: Any) -> None:
    settings = settings_with(
        domain="shops.example.com",
        ingress={"className": "traefik", "namespace": "kube-system", "tlsIssuer": "letsencrypt"},
        storage={"className": "fast", "expandable": True},
        images={"prefix": "registry.example.com/stores/", "pullPolicy": "Always"},
    )
    spec = {
        "plan": "large",
        "hostname": "shop.example.org",
        "adminEmail": "ann@example.org",
        "storage": "2048Gi",
        "storefront": {"replicas": 7},
    }
    compare("medusa-large.yaml", manifests(settings, **spec))


def pods_of(children: list[Any]) -> list[Any]:
    specs = [child["spec"].get("jobTemplate", child)["spec"] for child in children if "spec" in child]
    return [spec["template"]["spec"] for spec in specs if "template" in spec]


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_every_pod_meets_the_restricted_level_and_the_quota(settings: Settings, engine: str) -> None:
    pods = pods_of(manifests(settings, engine=engine))
    assert len(pods) == 4
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "privileged": False,
                "readOnlyRootFilesystem": True,
            }
            assert set(container["resources"]) == {"requests", "limits"}


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_secrets_are_only_in_the_secret(settings: Settings, engine: str) -> None:
    children = manifests(settings, engine=engine)
    (secret,) = [c for c in children if c["kind"] == "Secret" and "data" in c]
    rest = yaml.safe_dump([c for c in children if c["kind"] != "Secret"])
    import base64

    for value in secret["data"].values():
        assert base64.b64decode(value).decode() not in rest
        assert value not in rest


def test_passwords_differ_between_stores_and_between_uses(settings: Settings) -> None:
    values = [
        value
        for name in ("one", "two")
        for child in World(settings, store(name)).settle()["children"]
        if child["kind"] == "Secret"
        if "data" in child
        for value in child["data"].values()
    ]
    assert len(values) == len(set(values)) == 10


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("plan", ["small", "medium", "large"])
def test_the_quota_of_a_plan_admits_all_its_pods_and_a_rollout(settings: Settings, plan: str, engine: str) -> None:
    children = manifests(settings, plan=plan, engine=engine)
    (quota,) = [c["spec"]["hard"] for c in children if c["kind"] == "ResourceQuota"]
    used: dict[str, float] = {"pods": 0}
    for child in children:
        if "template" not in child.get("spec", {}):
            continue
        pods = child["spec"].get("replicas", 1) + (child["metadata"]["name"] == "storefront")
        used["pods"] += pods
        for bound in ("requests", "limits"):
            for resource, amount in child["spec"]["template"]["spec"]["containers"][0]["resources"][bound].items():
                name = f"{bound}.{resource}"
                used[name] = used.get(name, 0) + pods * number(amount)
    assert {name: number(quota[name]) >= amount for name, amount in used.items()} == dict.fromkeys(used, True)


def number(quantity: str) -> float:
    for unit, size in (("m", 0.001), ("Mi", 2**20), ("Gi", 2**30), ("Ti", 2**40)):
        if quantity.endswith(unit):
            return int(quantity.removesuffix(unit)) * size
    return float(quantity)


def test_an_owners_name_is_not_expanded_in_an_environment(settings: Settings) -> None:
    world = World(settings, store(owner="$(DATABASE_PASSWORD)@example.com"))
    world.settle()
    (backend,) = world.find("Deployment", "backend")["spec"]["template"]["spec"]["containers"]
    assert {"name": "OWNER_EMAIL", "value": "$$(DATABASE_PASSWORD)@example.com"} in backend["env"]
