"""Integrations: read from Secrets that the owner writes, and shown without their keys."""

from __future__ import annotations

import base64
import ipaddress
import json
from typing import Any

import pytest

from storeplatform.common.configuration import ConfigurationError
from storeplatform.hooks.core.objects import Key
from storeplatform.hooks.settings import Settings

from .world import World, ready, store

KEYS = {
    "provider": "stripe",
    "secretKey": "sk_test_51HaveANiceDay1234",
    "publishableKey": "pk_test_51HaveANiceDay5678",
    "webhookSecret": "whsec_Tr0ub4dor",
}
SERVER = {
    "provider": "smtp",
    "host": "smtp.example.com",
    "port": "587",
    "username": "shop",
    "password": "correct horse battery",
    "from": "shop@example.com",
}


def connect(world: World, name: str, values: dict[str, str]) -> None:
    """Write the fields, like the API or an owner with kubectl."""
    secret = world.observed[Key("v1", "Secret", f"store-{world.parent['metadata']['name']}", f"integration-{name}")]
    secret["data"] = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def condition(status: Any, kind: str) -> tuple[str, str, str]:
    (found,) = [c for c in status["conditions"] if c["type"] == kind]
    return found["status"], found["reason"], found["message"]


@pytest.fixture
def shop(world: World) -> World:
    """An open shop without integrations."""
    world.settle()
    return world


def test_a_store_without_integrations_reports_none(shop: World) -> None:
    status = shop.settle()["status"]
    assert "integrations" not in status
    assert not {"PaymentsReady", "MailReady"} & {c["type"] for c in status["conditions"]}


def test_a_key_is_shown_by_its_end_and_time(shop: World) -> None:
    connect(shop, "payments", KEYS)
    shop.now = "2026-01-02T00:00:00Z"
    shown = shop.settle()["status"]["integrations"]["payments"]
    assert (shown["provider"], shown["setAt"]) == ("stripe", "2026-01-02T00:00:00Z")
    assert shown["fields"] == {"secretKey": "…1234", "publishableKey": KEYS["publishableKey"]}


def test_the_time_of_a_key_changes_only_with_the_key(shop: World) -> None:
    connect(shop, "payments", KEYS)
    before = shop.settle()["status"]["integrations"]["payments"]
    shop.now = "2026-01-02T00:00:00Z"
    assert shop.settle()["status"]["integrations"]["payments"] == before
    connect(shop, "payments", {**KEYS, "secretKey": "sk_test_another"})
    after = shop.settle()["status"]["integrations"]["payments"]
    assert after["setAt"] == "2026-01-02T00:00:00Z"
    assert after["revision"] != before["revision"]


@pytest.mark.parametrize(("name", "values"), [("payments", KEYS), ("mail", SERVER)])
def test_no_response_contains_a_secret_field(shop: World, name: str, values: dict[str, str]) -> None:
    connect(shop, name, values)
    answers = [shop.step() for _ in range(6)]
    said = json.dumps(answers)
    for field in ("secretKey", "webhookSecret", "password"):
        if field in values:
            assert values[field] not in said
            assert base64.b64encode(values[field].encode()).decode() not in said


def test_the_applied_secret_has_no_data(shop: World) -> None:
    connect(shop, "payments", KEYS)
    (answered,) = [c for c in shop.ask()["children"] if c["metadata"]["name"] == "integration-payments"]
    assert "data" not in answered


def test_another_key_changes_no_pod_that_serves_shoppers(shop: World) -> None:
    before = shop.find("Deployment", "backend")["spec"]
    connect(shop, "payments", KEYS)
    shop.settle()
    assert shop.find("Deployment", "backend")["spec"] == before


def test_each_revision_is_checked_once_by_its_own_job(shop: World) -> None:
    connect(shop, "payments", KEYS)
    shop.settle()
    first = shop.find("Job", "payments-check-")
    assert condition(shop.settle()["status"], "PaymentsReady")[0] == "True"
    connect(shop, "payments", {**KEYS, "secretKey": "sk_test_another"})
    shop.settle()
    assert shop.find("Job", "payments-check-")["metadata"]["name"] != first["metadata"]["name"]


def test_a_key_rejected_by_the_provider_is_reported_and_the_shop_stays_open(shop: World) -> None:
    connect(shop, "payments", KEYS)
    for _ in range(3):
        shop.step()
    job = shop.find("Job", "payments-check-")
    failed = {"type": "Failed", "status": "True", "message": "Pod failed"}
    job["status"] = {"conditions": [failed]}
    job["spec"]["selector"] = {"matchLabels": {"job": "check"}}
    ended = {"exitCode": 2, "reason": "Error", "message": "Stripe: Invalid API Key provided"}
    shop.pods = [
        {
            "metadata": {"name": "check-1", "labels": {"job": "check"}},
            "status": {
                "phase": "Failed",
                "containerStatuses": [{"name": "check", "ready": False, "state": {"terminated": ended}}],
            },
        }
    ]
    status = shop.ask()["status"]
    said, reason, message = condition(status, "PaymentsReady")
    assert (said, reason) == ("False", "JobFailed")
    # As dashboard/integrations.py reads it.
    assert ", container check: exit code 2 (Error): Stripe: Invalid API Key provided); " in message
    assert message.endswith("the shop stays open with its other ways to pay: set the payment provider's keys again")
    assert status["phase"] == "Ready"
    assert "PaymentsReady: " in ready(status)[1]


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"provider": "paypal"}, "provider must be one of: stripe"),
        ({"secretKey": "hunter2"}, "secretKey is invalid"),
        ({"secretKey": "sk_test_1\n"}, "secretKey is invalid"),
        ({"more": "hunter2"}, "fields must be exactly these: secretKey, publishableKey, webhookSecret"),
    ],
)
def test_invalid_fields_are_named_without_their_values(shop: World, over: dict[str, str], message: str) -> None:
    connect(shop, "payments", {**KEYS, **over})
    status = shop.settle()["status"]
    said, reason, text = condition(status, "PaymentsReady")
    assert (said, reason) == ("False", "InvalidIntegration")
    assert message in text
    assert "hunter2" not in json.dumps(status)
    assert status["phase"] == "Ready"


def test_data_that_is_not_base64_or_text_is_invalid(shop: World) -> None:
    shop.find("Secret", "integration-payments")["data"] = {"provider": "////", "secretKey": "?", "publishableKey": 1}
    assert condition(shop.settle()["status"], "PaymentsReady")[1] == "InvalidIntegration"


def test_removed_keys_are_forgotten(shop: World) -> None:
    connect(shop, "payments", KEYS)
    shop.settle()
    connect(shop, "payments", {})
    status = shop.settle()["status"]
    assert "integrations" not in status
    assert not [key for key in shop.observed if key.name.startswith("payments-check")]


def test_the_owner_of_a_clone_is_warned_that_its_keys_were_not_cloned(settings: Settings) -> None:
    clone = World(settings, store("copy"))
    clone.parent["status"] = {"restored": "demo/latest", "restores": 1}
    status = clone.settle()["status"]
    said, reason, message = condition(status, "PaymentsReady")
    assert (said, reason) == ("False", "KeysNotCloned")
    assert "came from demo" in message
    assert status["phase"] == "Ready"
    connect(clone, "payments", KEYS)
    assert condition(clone.settle()["status"], "PaymentsReady")[0] == "True"


def test_a_store_restored_from_its_own_backup_keeps_its_keys(shop: World) -> None:
    connect(shop, "payments", KEYS)
    shop.parent["spec"]["restoreFrom"] = {"backup": "latest"}
    status = shop.settle()["status"]
    assert status["restored"] == "demo/latest"
    assert condition(status, "PaymentsReady")[0] == "True"
    assert shop.find("Secret", "integration-payments")["data"]


def test_a_check_replaced_while_it_runs_blocks_nothing(shop: World) -> None:
    connect(shop, "payments", KEYS)
    shop.step()
    job = shop.find("Job", "payments-check-")
    job["status"] = {"active": 1, "ready": 1}
    connect(shop, "payments", {**KEYS, "secretKey": "sk_test_another"})
    assert shop.ask()["status"]["phase"] == "Ready"


def reachable(world: World, address: str, component: str = "backend") -> set[int]:
    """Return the ports of an address outside the store that a component's pods may reach."""
    ports = set()
    for key, policy in world.observed.items():
        if key.kind != "NetworkPolicy":
            continue
        selector = policy["spec"]["podSelector"]
        wanted = [
            *({"values": [value]} for value in selector.get("matchLabels", {}).values()),
            *selector.get("matchExpressions", []),
        ]
        if not all(component in each["values"] for each in wanted):
            continue
        for rule in policy["spec"].get("egress", []):
            for peer in rule["to"]:
                if "ipBlock" in peer and _within(address, peer["ipBlock"]):
                    ports |= {port["port"] for port in rule["ports"]}
    return ports


def _within(address: str, block: Any) -> bool:
    found = ipaddress.ip_address(address)
    excepted = [ipaddress.ip_network(each) for each in block["except"]]
    return found in ipaddress.ip_network(block["cidr"]) and not any(found in each for each in excepted)


PUBLIC = ["3.18.12.63", "2606:4700::1"]
NOT_PUBLIC = [
    "10.96.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.31.255.255",
    "192.168.1.1",
    "255.255.255.255",
    "::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "fe80::1",
]


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_a_store_without_integrations_reaches_nothing_outside(shop: World, address: str) -> None:
    assert reachable(shop, address) == set()


@pytest.mark.parametrize("address", PUBLIC)
def test_an_integration_opens_only_its_port_of_public_addresses(shop: World, address: str) -> None:
    connect(shop, "payments", KEYS)
    shop.settle()
    assert reachable(shop, address) == {443}
    connect(shop, "mail", SERVER)
    shop.settle()
    assert reachable(shop, address) == {443, 587}
    assert reachable(shop, address, "payments-check") == {443}
    assert reachable(shop, address, "mail-check") == {587}
    assert reachable(shop, address, "storefront") == set()
    assert reachable(shop, address, "database") == set()
    connect(shop, "payments", {})
    shop.settle()
    assert reachable(shop, address) == {587}


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_integration_opens_an_address_that_is_not_public(shop: World, address: str) -> None:
    connect(shop, "payments", KEYS)
    connect(shop, "mail", SERVER)
    shop.settle()
    assert reachable(shop, address) == set()


def test_the_settings_exclude_a_clusters_public_ranges(settings_with: Any) -> None:
    world = World(settings_with(egress={"ipv4": ["8.8.8.0/24"], "ipv6": ["2606:4700::/32"]}), store())
    world.settle()
    connect(world, "payments", KEYS)
    world.settle()
    assert reachable(world, "8.8.4.4") == {443}
    assert reachable(world, "8.8.8.8") == reachable(world, "2606:4700::1") == set()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "0.0.0.0/0", "fd00::/8", "ten", "10.0.0.0/255.0.0.0"])
def test_a_range_that_the_api_server_would_reject_prevents_the_start(settings_with: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"egress"):
        settings_with(egress={"ipv4": [text], "ipv6": []})
