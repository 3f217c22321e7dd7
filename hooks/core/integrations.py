"""Read a store's integrations from the Secrets that its owner writes, or use the platform's mail relay if the owner has
configured no mail server.

Field values do not leave this module, with two exceptions: those that ``templates/integrations.yaml`` marks as shown,
and a revision, from which values can't be derived without the root key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from storeplatform.common.integrations import PROVIDER, RELAY, Integration, InvalidIntegration, decoded
from storeplatform.common.keys import derive
from storeplatform.common.mail import RELAY_PORT, relay_host, store_account

from ..settings import Settings
from .life import Life
from .objects import Key, Object, dig
from .progress import Blocker
from .request import SyncRequest

# The integration that the platform provides a relay for.
MAIL = "mail"


@dataclass(frozen=True)
class ConnectedIntegration:
    """One configured integration.

    ``revision`` changes whenever a value changes; ``port``: the provider's; ``shown``: the fields that may be seen;
    ``fault``: why it can't be used, "" if it can.
    """

    name: str
    condition: str
    revision: str
    provider: str = ""
    port: int = 0
    shown: tuple[tuple[str, str], ...] = ()
    fault: str = ""


def connections(
    request: SyncRequest, settings: Settings, offered: list[str], namespace: str, reply_to: str
) -> tuple[ConnectedIntegration, ...]:
    """Return the configured integrations of an engine, in its order.

    If the owner has configured no mail server, mail is the relay.
    """
    found = []
    for name in offered:
        integration = settings.integrations[name]
        data = dig(request.observed.get(Key("v1", "Secret", namespace, integration.secret)), "data")
        if isinstance(data, dict) and data:
            found.append(_connection(integration, data, settings))
        elif name == MAIL and settings.relay:
            metadata = request.parent["metadata"]
            fields = relay_fields(settings, metadata["name"], metadata["uid"], reply_to)
            found.append(_by_relay(integration, fields, settings))
    return tuple(found)


def relay_fields(settings: Settings, name: str, uid: str, reply_to: str) -> dict[str, str]:
    """Return the fields of a store's Secret for the relay; empty if the platform has no relay.

    :param reply_to: where the owner reads mail (nobody reads mail sent to the sender); may be "".
    """
    if settings.relay is None:
        return {}
    mail = settings.values["mail"]
    account = store_account(settings.relay.key, name, uid, mail["senderDomain"])
    return {
        PROVIDER: RELAY,
        "host": relay_host(settings.values["platformNamespace"]),
        "port": str(RELAY_PORT),
        "tls": "tls",
        "ca": settings.relay.ca,
        "username": account.username,
        "password": account.password,
        "from": account.sender,
        "rate": str(mail["mailsPerHour"]),
        **({"replyTo": reply_to} if reply_to else {}),
    }


def status(connected: tuple[ConnectedIntegration, ...], request: SyncRequest) -> Object:
    """Return the status of the integrations: since when each has its state, and the fields that may be seen."""
    shown = {}
    for each in connected:
        old: Any = dig(request.status, "integrations", each.name)
        same = dig(old, "revision") == each.revision and isinstance(dig(old, "setAt"), str)
        shown[each.name] = {
            "revision": each.revision,
            "setAt": dig(old, "setAt") if same else request.now,
            **({"provider": each.provider} if each.provider else {}),
            **({"fields": dict(each.shown)} if each.shown else {}),
        }
    return {"integrations": shown} if shown else {}


def unusable(
    connected: tuple[ConnectedIntegration, ...], settings: Settings, offered: list[str], life: Life, name: str
) -> dict[str, Blocker | None]:
    """Return the faults that no Job can find, by condition: invalid fields, and a clone without keys of its own."""
    found: dict[str, Blocker | None] = {
        each.condition: Blocker("InvalidIntegration", each.fault, fatal=True) for each in connected if each.fault
    }
    source = life.restored.store if life.restored else name
    if source != name:
        unset = [settings.integrations[each] for each in offered if each not in {c.name for c in connected}]
        for integration in unset:
            message = (
                f"the data came from {source}, and its keys for {integration.name} did not: set this store's own, "
                "through the API, in the dashboard, or in the Secret " + integration.secret
            )
            found[integration.values["condition"]] = Blocker("KeysNotCloned", message, fatal=True)
    return found


def _by_relay(integration: Integration, fields: dict[str, str], settings: Settings) -> ConnectedIntegration:
    return ConnectedIntegration(
        integration.name,
        integration.values["condition"],
        _revision(fields, settings),
        provider=RELAY,
        port=RELAY_PORT,
        shown=(("from", fields["from"]),),
    )


def _revision(data: Object, settings: Settings) -> str:
    parts = [text for item in sorted(data.items()) for text in map(str, item)]
    return derive(settings.root_key, "integration", *parts)[:12]


def _connection(integration: Integration, data: Object, settings: Settings) -> ConnectedIntegration:
    given = decoded(data)
    revision = _revision(data, settings)
    condition = integration.values["condition"]
    try:
        provider = integration.check(given)
    except InvalidIntegration as error:
        return ConnectedIntegration(
            integration.name, condition, revision, fault=f"Secret {integration.secret}: {error}"
        )
    port = provider["port"]
    return ConnectedIntegration(
        integration.name,
        condition,
        revision,
        provider=given[PROVIDER],
        port=int(given.get(port, port)),
        shown=tuple(integration.shown(given).items()),
    )
