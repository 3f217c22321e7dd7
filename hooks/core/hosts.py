"""Choose the host of a store.

A host outside the platform's domain is used once its owner has proven ownership: by a TXT record with the owner's
token, which ``api/controllers/hostnames.py`` looks up.

Until then the shop keeps its previous host, or has the default one below the platform's domain.
"""

from __future__ import annotations

from dataclasses import dataclass

from storeplatform.common.keys import derive
from storeplatform.common.objects import GROUP, VERSION

from ..settings import Settings
from .objects import Key, Object, dig
from .request import SyncRequest

API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Host:
    """``name``: the current host. ``claim``: the host that still has to be proven; "" if none."""

    name: str
    claim: str = ""


def choose(request: SyncRequest, settings: Settings, wanted: str | None, owner: str) -> Host:
    """Return the host of a store.

    :param wanted: spec.hostname.
    """
    name, domain = request.parent["metadata"]["name"], settings.values["domain"]
    own = f"{name}.{domain}"
    if not wanted or wanted == own or settings.values["hostnames"]["verification"] == "none":
        return Host(wanted or own)
    if _holds(request, wanted) or _proven(request, wanted, token(settings, owner)):
        return Host(wanted, wanted)
    before = str(request.status.get("url", "")).partition("://")[2]
    return Host(before if before and _holds(request, before) else own, wanted)


def token(settings: Settings, owner: str) -> str:
    """Return the value of an owner's TXT records: the same for all hosts of an owner, and different for each owner."""
    return f"store-platform={derive(settings.root_key, 'hostname', owner)[:32]}"


def unproven(claim: Object) -> str:
    """Return what the owner has to do to prove a HostnameClaim in its current state; "" once it is proven."""
    host, record, status = dig(claim, "spec", "host"), dig(claim, "spec", "record"), dig(claim, "status")
    if _shows(claim, host, dig(record, "value")):
        return ""
    found = dig(status, "message") if dig(status, "host") == host else ""
    why = f" ({found})" if found else ""
    return (
        f"{host} is not served before it is proven to be yours: set the TXT record {dig(record, 'name')} to "
        f"{dig(record, 'value')}{why}"
    )


def _holds(request: SyncRequest, host: str) -> bool:
    return Key(API_VERSION, "Hostname", "", host) in request.observed


def _proven(request: SyncRequest, host: str, value: str) -> bool:
    claim = request.observed.get(Key(API_VERSION, "HostnameClaim", "", request.parent["metadata"]["name"]))
    return claim is not None and _shows(claim, host, value)


def _shows(claim: Object, host: object, value: object) -> bool:
    status = dig(claim, "status")
    same = dig(status, "host") == host and dig(status, "value") == value
    return same and dig(status, "verified") is True
