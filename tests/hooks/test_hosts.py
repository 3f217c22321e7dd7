"""A host outside the platform's domain is served once it is proven to be the owner's; until then nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.hooks.core.hosts import token
from storeplatform.hooks.settings import Settings

from .world import World, conditions, store

OWN, HOST, OTHER = "demo.stores.localhost", "shop.example.com", "new.example.com"


@pytest.fixture
def proving(settings_with: Any) -> Settings:
    settings: Settings = settings_with(hostnames={"verification": "dns", "resolvers": []})
    return settings


def claims(world: World) -> list[str]:
    return [key.name for key in world.observed if key.kind == "HostnameClaim"]


def hosts(world: World) -> set[str]:
    return {key.name for key in world.observed if key.kind == "Hostname"}


def prove(world: World, host: str, value: str = "", verified: bool = True) -> None:
    """Write the proof as the platform's controllers do."""
    (claim,) = [obj for key, obj in world.observed.items() if key.kind == "HostnameClaim"]
    value = value or claim["spec"]["record"]["value"]
    claim["status"] = {"host": host, "value": value, "verified": verified, "message": "" if verified else "not seen"}


def ingress_hosts(world: World) -> set[str]:
    (ingress,) = [obj for key, obj in world.observed.items() if key.kind == "Ingress"]
    return {rule["host"] for rule in ingress["spec"]["rules"]}


def test_a_new_shop_opens_at_the_platforms_host_and_says_how_to_prove_its_own(proving: Settings) -> None:
    world = World(proving, store(hostname=HOST))
    status = world.settle()["status"]
    assert (status["phase"], status["url"]) == ("Ready", f"http://{OWN}")
    record = f"set the TXT record _store-platform.{HOST} to {token(proving, 'ann')}"
    verified = next(each for each in status["conditions"] if each["type"] == "HostnameVerified")
    assert (verified["status"], verified["reason"]) == ("False", "HostnameUnverified")
    assert record in verified["message"]
    assert record in next(each["message"] for each in status["conditions"] if each["type"] == "Ready")
    assert (hosts(world), ingress_hosts(world)) == ({OWN}, {OWN})


def test_the_host_is_served_once_it_is_proven(proving: Settings) -> None:
    world = World(proving, store(hostname=HOST))
    world.settle()
    prove(world, HOST)
    status = world.settle()["status"]
    assert (status["phase"], status["url"]) == ("Ready", f"http://{HOST}")
    assert (hosts(world), ingress_hosts(world)) == ({HOST}, {HOST})
    assert conditions(status)["HostnameVerified"] == "True"


def test_a_proven_host_is_served_whatever_dns_says_later(proving: Settings) -> None:
    world = World(proving, store(hostname=HOST))
    world.settle()
    prove(world, HOST)
    world.settle()
    prove(world, HOST, verified=False)
    assert world.settle()["status"]["url"] == f"http://{HOST}"


@pytest.mark.parametrize("how", ["another host", "another owner's value", "not verified"])
def test_no_other_proof_is_accepted(proving: Settings, how: str) -> None:
    world = World(proving, store(hostname=HOST))
    world.settle()
    if how == "another host":
        prove(world, OTHER)
    elif how == "another owner's value":
        prove(world, HOST, token(proving, "ben"))
    else:
        prove(world, HOST, verified=False)
    assert (world.settle()["status"]["url"], hosts(world)) == (f"http://{OWN}", {OWN})


def test_the_old_host_is_served_until_the_new_one_is_proven(proving: Settings) -> None:
    world = World(proving, store(hostname=HOST))
    world.settle()
    prove(world, HOST)
    world.settle()
    world.parent["spec"]["hostname"] = OTHER
    status = world.settle()["status"]
    assert (status["url"], hosts(world), claims(world)) == (f"http://{HOST}", {HOST}, ["demo"])
    prove(world, OTHER)
    assert (world.settle()["status"]["url"], hosts(world)) == (f"http://{OTHER}", {OTHER})


def test_a_host_served_before_proofs_were_required_is_kept(settings: Settings, proving: Settings) -> None:
    world = World(settings, store(hostname=HOST))
    world.settle()
    world.settings = proving
    status = world.settle()["status"]
    assert (status["phase"], status["url"]) == ("Ready", f"http://{HOST}")


def test_the_platforms_own_hosts_can_not_be_proven(proving: Settings) -> None:
    for spec in ({}, {"hostname": OWN}):
        world = World(proving, store(**spec))
        status = world.settle()["status"]
        assert (status["url"], claims(world)) == (f"http://{OWN}", [])
        assert "HostnameVerified" not in conditions(status)


def test_if_no_proof_is_required_a_host_is_served_at_once(settings: Settings) -> None:
    world = World(settings, store(hostname=HOST))
    assert (world.settle()["status"]["url"], claims(world)) == (f"http://{HOST}", [])


def test_a_closed_shop_still_says_how_to_prove_its_host(proving: Settings) -> None:
    world = World(proving, store(hostname=HOST))
    world.settle()
    world.parent["spec"]["suspended"] = True
    status = world.settle()["status"]
    assert (status["phase"], claims(world)) == ("Suspended", ["demo"])
    assert conditions(status)["HostnameVerified"] == "False"


def test_tokens_belong_to_owners(proving: Settings) -> None:
    assert token(proving, "ann") == token(proving, "ann")
    assert token(proving, "ann") != token(proving, "ben")
