"""Integrations are written through the API or kubectl, never returned, and deleted with their store."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import ApiError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import Platform

from .server import USERS, Api, ApiClient

KEYS = {
    "secretKey": "sk_test_ThisIsTheSecretOne1234",
    "publishableKey": "pk_test_51HaveANiceDay5678",
    "webhookSecret": "whsec_Tr0ub4dorAnd3",
}
PAYMENTS, MAIL = "/stores/shop/integrations/payments", "/stores/shop/integrations/mail"
SERVER = {
    "host": "smtp.example.com",
    "port": "587",
    "username": "ann",
    "password": "pw-NotToBeShown-42",
    "from": "shop@example.com",
}
SECRETS = (KEYS["secretKey"], KEYS["webhookSecret"])


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        yield plane


@pytest.fixture(scope="module")
def platform(plane: ControlPlane) -> Iterator[Platform]:
    mail = {"senderDomain": "mail.example.com", "mailsPerHour": 100}
    with Platform(plane, settings={"mail": mail}) as platform:
        yield platform


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[Api]:
    with Api(platform.plane) as api:
        yield api


@pytest.fixture(scope="module", autouse=True)
def shop(platform: Platform, api: Api) -> str:
    """A store of ann's that is open."""
    api.caller("ann").create("shop")
    platform.await_phase("shop", "Ready")
    return "shop"


def secret(platform: Platform, store: str = "shop") -> Any:
    return platform.client.get("v1", "Secret", "integration-payments", f"store-{store}")


def put(caller: ApiClient, path: str = PAYMENTS, **over: str) -> Any:
    return caller("PUT", path, {"provider": "stripe", "fields": {**KEYS, **over}})


def awaited(caller: ApiClient, end: str) -> Any:
    """Return the integration once the hooks have observed the key with that end."""

    def seen() -> Any:
        found = caller.get(PAYMENTS)
        return found if found["shown"].get("secretKey") == f"…{end}" and found["ready"] else None

    return wait_until(seen, f"the key that ends in {end} is seen", 60)


def test_a_key_is_stored_in_its_secret_and_only_its_end_is_shown(ann: ApiClient, platform: Platform) -> None:
    answer = put(ann)
    assert answer.status_code == 202, answer.text
    found = awaited(ann, "1234")
    assert found["provider"] == "stripe"
    assert found["setAt"]
    data = {key: base64.b64decode(value).decode() for key, value in secret(platform)["data"].items()}
    assert data == {**KEYS, "provider": "stripe"}
    wait_until(lambda: ann.get(PAYMENTS)["ready"]["status"] == "True", "the check has passed", 60)
    for said in (answer.text, json.dumps(ann.get(PAYMENTS)), json.dumps(ann.get("/stores/shop"))):
        assert not [value for value in SECRETS if value in said]


def test_a_mail_server_is_shown_without_its_password(ann: ApiClient, platform: Platform) -> None:
    answer = ann("PUT", MAIL, {"provider": "smtp", "fields": SERVER})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: ann.get(MAIL)["provider"] == "smtp", "it is seen", 60)
    wait_until(lambda: (ann.get(MAIL)["ready"] or {}).get("status") == "True", "the check has passed", 60)
    found = ann.get(MAIL)
    assert found["shown"] == {name: value for name, value in SERVER.items() if name != "password"}
    data = platform.client.get("v1", "Secret", "integration-mail", "store-shop")["data"]
    assert base64.b64decode(data["password"]).decode() == SERVER["password"]
    for said in (answer.text, json.dumps(found), json.dumps(ann.get("/stores/shop"))):
        assert SERVER["password"] not in said
    assert platform.client.find("networking.k8s.io/v1", "NetworkPolicy", "to-mail", "store-shop")
    assert ann("DELETE", MAIL).status_code == 202
    policy = ("networking.k8s.io/v1", "NetworkPolicy", "to-mail", "store-shop")
    wait_until(lambda: ports(platform.client.get(*policy)) == [8465], "the port is closed again", 60)


def ports(policy: Any) -> list[int]:
    return [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]


def test_a_store_without_a_mail_server_uses_the_platforms_relay(ann: ApiClient, platform: Platform) -> None:
    wait_until(lambda: ann.get(MAIL)["provider"] == "relay", "the relay is shown", 60)
    found = ann.get(MAIL)
    assert found["shown"] == {"from": "shop@mail.example.com"}
    assert [each["name"] for each in found["providers"]] == ["smtp"]
    assert ann("PUT", MAIL, {"provider": "relay", "fields": {}}).status_code == 422
    password = platform.client.get("v1", "Secret", "integration-mail-relay", "store-shop")["data"]["password"]
    wait_until(lambda: (ann.get(MAIL)["ready"] or {}).get("status") == "True", "its check has passed", 60)
    for said in (json.dumps(ann.get(MAIL)), json.dumps(ann.get("/stores/shop"))):
        assert base64.b64decode(password).decode() not in said
    owner = platform.plane.client_for("ann")
    try:
        with pytest.raises(ApiError):
            owner.get("v1", "Secret", "integration-mail-relay", "store-shop")
    finally:
        owner.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "10.0.0.1"),
        ("host", "localhost"),
        ("port", "25"),
        ("from", "shop@example.com>\r\nBcc: all@example.com"),
        ("username", "ann\r\nRSET"),
        ("password", ""),
    ],
)
def test_an_invalid_mail_server_is_rejected(ann: ApiClient, field: str, value: str) -> None:
    answer = ann("PUT", MAIL, {"provider": "smtp", "fields": {**SERVER, field: value}})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"/fields/{field}"]


def test_replacing_a_key_does_not_restart_the_shop(ann: ApiClient, platform: Platform) -> None:
    put(ann)
    awaited(ann, "1234")
    before = platform.client.get("apps/v1", "Deployment", "backend", "store-shop")["metadata"]["generation"]
    put(ann, secretKey="sk_test_TheNextOne5678")
    awaited(ann, "5678")
    after = platform.client.get("apps/v1", "Deployment", "backend", "store-shop")["metadata"]["generation"]
    assert after == before


def test_the_secret_keeps_its_data_and_has_none_in_its_annotations(ann: ApiClient, platform: Platform) -> None:
    put(ann)
    awaited(ann, "1234")
    ann("POST", "/stores/shop/actions/restart")
    wait_until(lambda: platform.store("shop")["status"]["phase"] != "Ready", "the restart begins")
    platform.await_phase("shop", "Ready")
    found = secret(platform)
    assert base64.b64decode(found["data"]["secretKey"]).decode() == KEYS["secretKey"]
    metadata = json.dumps(found["metadata"])
    assert not [each for value in SECRETS for each in (value, encoded(value)) if each in metadata]


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"provider": "paypal", "fields": KEYS}, "/provider"),
        ({"provider": "stripe", "fields": {**KEYS, "secretKey": "hunter2"}}, "/fields/secretKey"),
        ({"provider": "stripe", "fields": {"secretKey": KEYS["secretKey"]}}, "/fields/publishableKey"),
        ({"provider": "stripe", "fields": {**KEYS, "hunter2": "x"}}, "/fields"),
        ({"provider": "stripe", "fields": KEYS, "hunter2": "x"}, "/hunter2"),
        ({"fields": {**KEYS, "secretKey": "hunter2"}}, "/provider"),
    ],
)
def test_an_invalid_field_is_named_and_no_record_contains_it(
    ann: ApiClient, api: Api, body: dict[str, Any], pointer: str
) -> None:
    answer = ann("PUT", PAYMENTS, body)
    assert answer.status_code == 422
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]

    def refused() -> list[Any]:
        records = ann.get("/audit", store="shop", limit=200)["items"]
        return [each for each in records if each["action"] == "set-integration" and each["outcome"] == "refused"]

    wait_until(refused, "the refusal is recorded", 30)
    for text in (json.dumps(refused()), *(file.read_text() for file in api.home.glob("*.log"))):
        assert "hunter2" not in text
        assert not [value for value in SECRETS if value in text]


def test_setting_a_key_is_recorded_without_the_key(ann: ApiClient, api: Api) -> None:
    put(ann, secretKey="sk_test_ToBeRecorded0000")

    def records() -> list[Any]:
        items = ann.get("/audit", store="shop", limit=200)["items"]
        return [each for each in items if each["action"] == "set-integration" and each["outcome"] == "admitted"]

    wait_until(records, "it is recorded", 30)
    record = records()[0]
    assert record["actor"] == "ann@example.com"
    fields = ["publishableKey", "secretKey", "webhookSecret"]
    assert record["after"] == {"integration": "payments", "provider": "stripe", "fields": fields}
    assert "ToBeRecorded" not in "".join(file.read_text() for file in api.home.glob("*.log"))


def test_nobody_else_sees_or_sets_a_stores_keys(ben: ApiClient, api: Api) -> None:
    assert ben("GET", PAYMENTS).status_code == 404
    assert put(ben).status_code == 404
    assert ben("DELETE", PAYMENTS).status_code == 404
    sue = api.caller("sue")
    assert sue("GET", PAYMENTS).status_code == 200
    assert put(sue).status_code == 403


def test_an_integration_that_the_engine_does_not_offer_is_not_found(ann: ApiClient) -> None:
    answer = put(ann, "/stores/shop/integrations/tax")
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("its engine offers payments, mail")


def test_removed_keys_are_erased_and_the_shop_stays_open(ann: ApiClient, platform: Platform) -> None:
    put(ann)
    awaited(ann, "1234")
    assert ann("DELETE", PAYMENTS).status_code == 202
    wait_until(lambda: ann.get(PAYMENTS)["provider"] is None, "it is forgotten", 60)
    assert not secret(platform).get("data")
    assert platform.store("shop")["status"]["phase"] == "Ready"


def test_keys_can_not_be_set_before_the_store_exists(ann: ApiClient, platform: Platform) -> None:
    platform.hooks.stop()
    try:
        ann.create("early")
        answer = put(ann, "/stores/early/integrations/payments")
    finally:
        platform.start_hooks()
    assert answer.status_code == 409
    ann("DELETE", "/stores/early", params={"confirm": "early"})


def test_an_owner_with_kubectl_sets_a_key_and_nothing_else(ann: ApiClient, platform: Platform) -> None:
    owner, other = platform.plane.client_for("ann"), platform.plane.client_for("ben")
    place = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "integration-payments", "namespace": "store-shop"},
    }
    given = {"provider": "stripe", **KEYS, "secretKey": "sk_test_ByKubectl4321"}
    try:
        owner.patch(place, {"stringData": given})
        assert awaited(ann, "4321")["provider"] == "stripe"
        server = {**place, "metadata": {**place["metadata"], "name": "integration-mail"}}
        owner.patch(server, {"stringData": {"provider": "smtp", **SERVER, "host": "mail.example.com"}})
        wait_until(lambda: ann.get(MAIL)["shown"].get("host") == "mail.example.com", "the server is seen", 60)
        for change in (
            {"metadata": {"labels": {"platform.urumi.dev/store": "another"}}},
            {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}},
            {"metadata": {"ownerReferences": None}},
            {"immutable": True},
            {"stringData": {"secretKey": "x" * 2000}},
            {"stringData": {f"field{number}": "x" for number in range(20)}},
        ):
            with pytest.raises(ApiError, match="integration-payments"):
                owner.patch(place, change)
        with pytest.raises(ApiError, match="forbidden"):
            other.patch(place, {"stringData": given})
        with pytest.raises(ApiError, match="forbidden"):
            owner.get("v1", "Secret", "credentials", "store-shop")
    finally:
        owner.close()
        other.close()


def test_the_key_is_only_in_its_secret(ann: ApiClient, platform: Platform, api: Api) -> None:
    """Searches every object of the cluster, and the processes' logs, environments and arguments."""
    key = "sk_test_SearchedForEverywhere99"
    password = "pw-SearchedForEverywhere99"
    put(ann, secretKey=key)
    ann("PUT", MAIL, {"provider": "smtp", "fields": {**SERVER, "password": password}})
    awaited(ann, "re99")
    wait_until(lambda: (ann.get(MAIL)["ready"] or {}).get("status") == "True", "the server's check has passed", 60)
    secrets = [each for value in (key, password) for each in (value, encoded(value))]
    found = [where for where, text in everything(platform) if any(each in text for each in secrets)]
    assert sorted(found) == ["v1 Secret store-shop/integration-mail", "v1 Secret store-shop/integration-payments"]
    logs = [*api.home.rglob("*"), *platform.home.rglob("*")]
    texts = [file.read_bytes() for file in logs if file.is_file()]
    processes = [Path(f"/proc/{pid}/{what}") for pid in pids(api, platform) for what in ("cmdline", "environ")]
    texts += [file.read_bytes() for file in processes]
    assert not [text for text in texts if any(each.encode() in text for each in secrets)]


def everything(platform: Platform) -> Iterator[tuple[str, str]]:
    """Return every object that the API server lists, with its kind and namespace."""
    client = platform.client
    groups = client.request("GET", "/apis")["groups"]
    for version in ("v1", *(each["preferredVersion"]["groupVersion"] for each in groups)):
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        for resource in client.request("GET", root)["resources"]:
            if "list" in resource["verbs"]:
                path = f"{root}/{resource['name']}"
                # A kind that nobody has requested yet is not served at once (429).
                found = wait_until(lambda path=path: client.request("GET", path), f"{path} is served")
                for each in found.get("items") or []:
                    place = "/".join(filter(None, (each["metadata"].get("namespace"), each["metadata"]["name"])))
                    yield f"{version} {resource['kind']} {place}", json.dumps(each)


def pids(api: Api, platform: Platform) -> list[int | None]:
    """Return the process ids of the API, the hooks and the controller."""
    return [each.pid for each in (*api.processes, platform.hooks, platform.loop)]


def test_deleting_a_store_deletes_its_keys(ann: ApiClient, platform: Platform) -> None:
    ann.create("gone")
    platform.await_phase("gone", "Ready")
    assert put(ann, "/stores/gone/integrations/payments").status_code == 202
    ann("DELETE", "/stores/gone", params={"confirm": "gone"})
    wait_until(lambda: platform.client.find("v1", "Namespace", "store-gone") is None, "all of it is gone", 90)
    assert platform.client.find("v1", "Secret", "integration-payments", "store-gone") is None
