"""A host is verified once its TXT record has the token, looked up at a real DNS server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from storeplatform.api.controllers.dns import Resolver, Unanswered
from storeplatform.api.controllers.hostnames import PAUSES, Hostnames, verified

from .names import Names

HOST, RECORD, VALUE = "shop.example.com", "_store-platform.shop.example.com", "store-platform=abc"


@pytest.fixture
def names() -> Iterator[Names]:
    with Names() as names:
        yield names


@pytest.fixture
def resolver(names: Names) -> Resolver:
    return Resolver([names.address])


class Claims:
    """Stands in for the API server: claims, and the statuses written to them."""

    def __init__(self, *claims: dict[str, Any]) -> None:
        self.claims = list(claims)
        self.writes = 0

    def list_objects(self, _plural: str) -> dict[str, Any]:
        return {"items": [dict(each) for each in self.claims]}

    def replace_status(self, body: dict[str, Any], _plural: str) -> None:
        self.writes += 1
        self.claims = [body if each["metadata"] == body["metadata"] else each for each in self.claims]


class Clock:
    """A clock that advances only when a test advances it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def claim(host: str = HOST, value: str = VALUE, uid: str = "1") -> dict[str, Any]:
    record = {"name": f"_store-platform.{host}", "value": value}
    return {"metadata": {"name": "shop", "uid": uid}, "spec": {"host": host, "record": record}}


def run(resolver: Resolver, cluster: Claims) -> dict[str, Any]:
    Hostnames(cluster, resolver).run()  # type: ignore[arg-type]
    return dict(cluster.claims[0])


def test_the_record_verifies_the_host(names: Names, resolver: Resolver) -> None:
    names.texts[RECORD] = ["v=spf1 -all", VALUE]
    assert verified(run(resolver, Claims(claim())))


def test_a_record_behind_an_alias_verifies_the_host(names: Names, resolver: Resolver) -> None:
    names.aliases[RECORD] = "proof.example.net"
    names.texts["proof.example.net"] = [VALUE]
    assert verified(run(resolver, Claims(claim())))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, f"{RECORD} has no TXT records"),
        ([], f"{RECORD} has no TXT records"),
        (["other"], f"{RECORD} has 1 other TXT record"),
        ([VALUE.upper()], f"{RECORD} has 1 other TXT record"),
        ([f"{VALUE}x", f" {VALUE}"], f"{RECORD} has 2 other TXT records"),
    ],
)
def test_any_other_record_does_not_and_is_reported(
    names: Names, resolver: Resolver, texts: list[str] | None, message: str
) -> None:
    if texts is not None:
        names.texts[RECORD] = texts
    seen = run(resolver, Claims(claim()))
    assert (verified(seen), seen["status"]["message"]) == (False, message)


def test_the_record_of_another_owner_proves_nothing(names: Names, resolver: Resolver) -> None:
    names.texts[RECORD] = [VALUE]
    assert not verified(run(resolver, Claims(claim(value="store-platform=of-another"))))


def test_a_failing_name_server_is_reported(names: Names, resolver: Resolver) -> None:
    names.refuses = True
    seen = run(resolver, Claims(claim()))
    assert "don't answer" in seen["status"]["message"]
    with pytest.raises(Unanswered):
        resolver.texts(RECORD)


def test_a_verified_host_is_not_looked_up_again(names: Names, resolver: Resolver) -> None:
    names.texts[RECORD] = [VALUE]
    cluster = Claims(claim())
    run(resolver, cluster)
    del names.texts[RECORD]
    assert verified(run(resolver, cluster))
    assert cluster.writes == 1


def test_a_claim_to_another_host_has_to_be_proven_again(names: Names, resolver: Resolver) -> None:
    names.texts[RECORD] = [VALUE]
    proven = run(resolver, Claims(claim()))
    moved = {**claim("bank.example.com"), "status": proven["status"]}
    assert not verified(moved)
    assert not verified(run(resolver, Claims(moved)))


def test_lookups_become_rarer_and_an_unchanged_status_is_not_written(names: Names, resolver: Resolver) -> None:
    clock, cluster = Clock(), Claims(claim())
    controller = Hostnames(cluster, resolver, clock)  # type: ignore[arg-type]
    asked: list[float] = []
    texts = resolver.texts
    resolver.texts = lambda name: (asked.append(clock.now), texts(name))[1]  # type: ignore[method-assign,func-returns-value]
    for _ in range(3000):
        controller.run()
        clock.now += 1
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == PAUSES
    assert cluster.writes == 1


def test_a_text_in_several_parts_is_one(names: Names, resolver: Resolver) -> None:
    names.texts[RECORD] = ["x" * 600]
    assert resolver.texts(RECORD) == ["x" * 600]
