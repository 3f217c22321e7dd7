"""The platform's mail relay: every store whose owner has configured no mail server uses it, with its own account."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.mail import account_of
from storeplatform.hooks.settings import Settings, load_settings
from storeplatform.templates import ENGINES

from ..values import write_settings
from .conftest import RELAY_KEY
from .test_integrations import NOT_PUBLIC, PUBLIC, SERVER, condition, connect, reachable
from .world import World, store

MAIL = {"senderDomain": "mail.example.com", "mailsPerHour": 100}
SECRET = "integration-mail-relay"


@pytest.fixture
def with_relay(settings_with: Any) -> Settings:
    """Settings of a platform that has a relay."""
    made: Settings = settings_with(mail=MAIL)
    return made


@pytest.fixture
def shop(with_relay: Settings) -> World:
    """An open shop whose owner has configured nothing."""
    world = World(with_relay, store())
    world.settle()
    return world


def fields(world: World) -> dict[str, str]:
    """Return the relay's fields as the store's pods see them."""
    data = world.find("Secret", SECRET)["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


@pytest.mark.parametrize("engine", ["medusa", "woocommerce"])
def test_a_store_has_its_own_account_at_the_relay(with_relay: Settings, engine: str) -> None:
    world = World(with_relay, store(engine=engine, adminEmail="ann@example.com"))
    world.settle()
    found = fields(world)
    assert (found["host"], found["port"], found["tls"]) == ("relay.store-platform.svc", "8465", "tls")
    assert (found["from"], found["rate"]) == ("demo@mail.example.com", "100")
    account = account_of(RELAY_KEY.encode(), found["username"], "mail.example.com")
    assert account is not None
    assert (account.name, account.password, account.sender) == ("demo", found["password"], found["from"])
    assert found["username"] == f"demo/{world.parent['metadata']['uid']}"
    assert found["replyTo"] == "ann@example.com"


def test_a_store_that_reuses_a_deleted_ones_name_has_another_password(with_relay: Settings) -> None:
    passwords = set()
    for uid in ("uid-1", "uid-2"):
        parent = store()
        parent["metadata"]["uid"] = uid
        world = World(with_relay, parent)
        world.settle()
        passwords.add(fields(world)["password"])
    assert len(passwords) == 2


def test_the_status_shows_the_sender_and_no_secret(shop: World) -> None:
    answer = shop.settle()
    shown = answer["status"]["integrations"]["mail"]
    assert (shown["provider"], shown["fields"]) == ("relay", {"from": "demo@mail.example.com"})
    assert condition(answer["status"], "MailReady")[0] == "True"
    assert fields(shop)["password"] not in json.dumps(answer["status"])
    assert RELAY_KEY not in json.dumps(answer)


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_the_relay_allows_no_egress_to_an_address(shop: World, address: str) -> None:
    assert reachable_addresses(shop, address) == set()


def reachable_addresses(world: World, address: str) -> set[int]:
    """Return the ports of an address that a store with a relay reaches. The rule for the relay names no address."""
    for key, policy in world.observed.items():
        if key.kind == "NetworkPolicy" and key.name == "to-mail":
            (rule,) = policy["spec"]["egress"]
            assert rule == {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "store-platform"}},
                        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "store-relay"}},
                    }
                ],
                "ports": [{"port": 8465, "protocol": "TCP"}],
            }
            policy["spec"]["egress"] = []
    return reachable(world, address)


def test_the_owners_server_takes_precedence_until_it_is_removed(shop: World) -> None:
    before = shop.find("Deployment", "backend")["spec"]
    relayed = shop.settle()["status"]["integrations"]["mail"]
    connect(shop, "mail", SERVER)
    status = shop.settle()["status"]
    assert status["integrations"]["mail"]["provider"] == "smtp"
    assert reachable(shop, PUBLIC[0]) == {587}
    connect(shop, "mail", {})
    status = shop.settle()["status"]
    assert status["integrations"]["mail"]["fields"] == relayed["fields"]
    assert condition(status, "MailReady")[0] == "True"
    assert reachable_addresses(shop, PUBLIC[0]) == set()
    assert shop.find("Deployment", "backend")["spec"] == before


def test_adding_a_relay_restarts_no_shop(with_relay: Settings, settings_with: Any) -> None:
    world = World(settings_with(), store())
    world.settle()
    before = world.find("Deployment", "backend")["spec"]
    world.settings = with_relay
    world.settle()
    assert fields(world)["from"] == "demo@mail.example.com"
    assert world.find("Deployment", "backend")["spec"] == before


def test_the_account_follows_the_settings_and_is_removed_with_the_relay(shop: World, settings_with: Any) -> None:
    shop.settings = settings_with(mail={**MAIL, "senderDomain": "shops.example.org"})
    status = shop.settle()["status"]
    assert fields(shop)["from"] == "demo@shops.example.org"
    assert status["integrations"]["mail"]["fields"] == {"from": "demo@shops.example.org"}
    shop.settings = settings_with()
    status = shop.settle()["status"]
    assert not [key for key in shop.observed if key.name == SECRET or key.name.startswith("mail-check")]
    assert "integrations" not in status
    assert status["phase"] == "Ready"


def test_the_owner_of_a_clone_is_warned_only_of_keys_that_no_relay_replaces(with_relay: Settings) -> None:
    clone = World(with_relay, store("copy"))
    clone.parent["status"] = {"restored": "demo/latest", "restores": 1}
    status = clone.settle()["status"]
    assert condition(status, "PaymentsReady")[1] == "KeysNotCloned"
    assert condition(status, "MailReady")[0] == "True"
    assert status["integrations"]["mail"]["fields"] == {"from": "copy@mail.example.com"}


def test_the_relays_check_is_retried_for_a_day_and_does_not_blame_the_owner(shop: World) -> None:
    job = shop.find("Job", "mail-check-")
    assert job["spec"]["backoffLimit"] * 360 >= job["spec"]["activeDeadlineSeconds"] == 86400
    (volume,) = [v for v in job["spec"]["template"]["spec"]["volumes"] if "secret" in v]
    assert volume["secret"]["secretName"] == SECRET
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "message": "DeadlineExceeded"}]}
    said, _, message = condition(shop.ask()["status"], "MailReady")
    assert said == "False"
    assert message.endswith("ask the platform team, or set a mail server of your own")


def test_a_domain_without_the_relays_files_prevents_the_start(root_key: Any, tmp_path: Any) -> None:
    file = write_settings("hooks", tmp_path / "settings.yaml", {"mail": MAIL})
    with pytest.raises(ConfigurationError, match="STORE_PLATFORM_RELAY_KEY_FILE"):
        load_settings(file, ENGINES, root_key)
    (tmp_path / "key").write_text("short")
    with pytest.raises(ConfigurationError, match="at least 32 bytes") as error:
        load_settings(file, ENGINES, root_key, relay_files=(tmp_path / "key", tmp_path / "key"))
    assert "short" not in str(error.value)


@pytest.mark.parametrize("domain", ["localhost", "Mail.example.com", "mail.example.com\n", "a@b.c", "-a.example.com"])
def test_an_invalid_sender_domain_prevents_the_start(settings_with: Any, domain: str) -> None:
    with pytest.raises(ConfigurationError, match="senderDomain"):
        settings_with(mail={**MAIL, "senderDomain": domain})
