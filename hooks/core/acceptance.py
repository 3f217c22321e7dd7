"""Turn a Store's spec into a Store object: validate it, and fill in the defaults of the engine and the plan."""

from __future__ import annotations

from typing import Any, NoReturn

from storeplatform.common.engines import Engine
from storeplatform.common.mail import owner_email
from storeplatform.common.objects import namespace_of
from storeplatform.common.reasons import remedy

from ..settings import Settings
from .expiry import Expiry
from .hosts import choose
from .integrations import connections
from .life import Life, Release, Restore, begin, read
from .objects import Object, dig
from .request import SyncRequest
from .store import Store


class NotAccepted(Exception):
    """The spec is invalid or asks for something unavailable.

    ``reason`` is one CamelCase word; the message says what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def accept(request: SyncRequest, settings: Settings, end: Expiry | None = None) -> tuple[Store, Life]:
    """Resolve everything that the spec leaves open.

    :raise NotAccepted: the spec can't be fulfilled.
    """
    parent, status = request.parent, request.status
    spec, name = parent.get("spec"), parent["metadata"]["name"]
    if not isinstance(spec, dict):
        raise NotAccepted("InvalidSpec", "spec must be a mapping: apply the Store again")
    engine_name = _choice("engine", _text(spec, "engine"), list(settings.engines))
    accepted_as = status.get("engine")
    if isinstance(accepted_as, str) and accepted_as != engine_name:
        raise NotAccepted("EngineChanged", f'the engine can\'t change: set spec.engine back to "{accepted_as}"')
    engine = settings.engines[engine_name]
    if not engine.keeps_data and (spec.get("backup") is not None or spec.get("restoreFrom") is not None):
        raise NotAccepted("NoBackups", f"{engine.values['title']} keeps no data: {remedy('NoBackups')}")
    release = read(status)
    life = begin(request, _version(spec, engine, release), _restore(request, settings), end)
    plan_name = _choice("plan", _text(spec, "plan"), list(settings.plans))
    plan = settings.plans[plan_name]
    owner = _text(spec, "owner") or _invalid("owner", "a user's name")
    host = choose(request, settings, _text(spec, "hostname"), owner)
    email = _text(spec, "adminEmail") or ""
    reply_to = owner_email(email, owner)
    store = Store(
        name=name,
        uid=parent["metadata"]["uid"],
        owner=owner,
        engine=engine_name,
        version=_choice("version", life.release.target, engine.versions),
        plan=plan_name,
        hostname=host.name,
        claim=host.claim,
        admin_email=email or f"admin@{host.name}",
        owner_email=reply_to,
        storage=_gibibytes(_text(spec, "storage")) or plan["storage"]["database"],
        replicas=_replicas(spec) or plan["replicas"],
        tls=bool(settings.values["ingress"]["tlsIssuer"]),
        restarted_at=_text(spec, "restartedAt") or "",
        shop_items=_shop(spec, name),
        snapshot=life.snapshot,
        check=life.current.backup if life.current and life.release.running else "",
        restore=life.restore,
        request=life.request,
        restore_store=life.current.store if life.current else "",
        restore_uploads=life.checked,
        migration=life.migration,
        connections=connections(request, settings, engine.values["integrations"], namespace_of(name), reply_to),
        **_backup(spec),
    )
    return store, life


def _version(spec: Object, engine: Engine, release: Release) -> str:
    """Return the version that the spec asks for. A retired version is accepted only if the store already has it."""
    version = _text(spec, "version") or release.running or release.target or engine.offered[0]
    if version in engine.retired and version not in (release.running, release.target, release.rejected):
        choices = ", ".join(engine.offered)
        raise NotAccepted("RetiredVersion", f"spec.version {version} is retired: edit the Store to choose {choices}")
    return _choice("version", version, engine.versions, engine.offered)


def _restore(request: SyncRequest, settings: Settings) -> Restore | None:
    """Return the backup in spec.restoreFrom; None if there is none."""
    wanted = dig(request.parent, "spec", "restoreFrom")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        _invalid("restoreFrom", "a mapping with backup and store")
    name = request.parent["metadata"]["name"]
    source = _text(wanted, "store") or name
    if source != name and not settings.object_store_keys:
        raise NotAccepted(
            "NoObjectStore",
            "spec.restoreFrom.store must be left out: this platform keeps backups on the stores' own volumes, "
            "which no other store can read",
        )
    return Restore(source, _text(wanted, "backup") or "latest", _text(wanted, "requestedAt") or "")


def _backup(spec: Object) -> dict[str, Any]:
    wanted = spec.get("backup")
    if wanted is None:
        return {}
    schedule = _text(wanted, "schedule") if isinstance(wanted, dict) else None
    keep = wanted.get("keep", 7) if isinstance(wanted, dict) else 7
    if not schedule or type(keep) is not int or not 1 <= keep <= 100:
        _invalid("backup", "a mapping with a schedule, and keep from 1 to 100")
    asked = wanted.get("requestedAt") or ""
    if not isinstance(asked, str):
        _invalid("backup.requestedAt", "a time")
    return {"backup_schedule": schedule, "backup_keep": keep, "backup_request": asked}


def _shop(spec: Object, name: str) -> tuple[tuple[str, str], ...]:
    """Return all of spec.shop for the templates. The CRD's schema validates it and fills in its defaults."""
    shop = spec.get("shop")
    if not isinstance(shop, dict) or not all(isinstance(text, str) for text in shop.values()):
        _invalid("shop", "a mapping of strings")
    if not shop.keys() >= {"country", "currency"}:
        _invalid("shop", "a mapping with country and currency")
    return tuple(sorted({"title": name, **shop}.items()))


def _invalid(field: str, form: str) -> NoReturn:
    raise NotAccepted("InvalidSpec", f"spec.{field} must be {form}: edit the Store")


def _text(spec: Object, field: str) -> str | None:
    value = spec.get(field)
    return value if value is None or isinstance(value, str) else _invalid(field, "a string")


def _choice(field: str, value: Any, choices: list[str], offered: list[str] | None = None) -> str:
    """Return the value if it is one of the choices.

    :param offered: the choices to list in the error.
    :raise NotAccepted: it is not one of them.
    """
    if isinstance(value, str) and value in choices:
        return value
    named = ", ".join(offered or choices)
    raise NotAccepted(f"Unknown{field.title()}", f"spec.{field} must be one of {named}: edit the Store to choose one")


def _gibibytes(text: str | None) -> int | None:
    if text is None:
        return None
    number = text.removesuffix("Gi")
    if number != text and number.isascii() and number.isdigit() and 0 < int(number[:9]) <= 9999:
        return int(number)
    _invalid("storage", 'a size of 1 to 9999 Gi, such as "20Gi"')


def _replicas(spec: Object) -> int | None:
    storefront = spec.get("storefront") or {}
    replicas = storefront.get("replicas") if isinstance(storefront, dict) else True
    if replicas is None or (type(replicas) is int and 1 <= replicas <= 20):
        return replicas
    _invalid("storefront.replicas", "a whole number from 1 to 20")
