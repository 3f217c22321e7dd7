"""A Store whose every choice is made: the spec with the engine's and the plan's defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from ..settings import Settings
from .expiry import Expiry, closing_backup
from .release import Release, begin, read
from .request import GROUP, Object, SyncRequest, dig

STORE_LABEL = f"{GROUP}/store"


class NotAccepted(Exception):
    """The spec asks for what there is not. ``reason`` is one word; the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Store:
    """What templates see as ``store``. ``storage`` (the database's) is in Gi; ``shop_items``: the items of ``shop``,
    spec.shop as it is; ``snapshot``: the one to take before the migration; ``restore``: the archive to put back before
    anything else, of ``restore_store`` where that is another one; ``data_of``: the backup that the data came from, if
    it came from one; ``restarted_at``: pods that shoppers reach are newer than that, if it is not empty."""

    name: str
    uid: str
    owner: str
    engine: str
    version: str
    plan: str
    hostname: str
    admin_email: str
    storage: int
    replicas: int
    tls: bool
    shop_items: tuple[tuple[str, str], ...]
    snapshot: str = ""
    restore: str = ""
    restore_store: str = ""
    restore_uploads: bool = False
    data_of: str = ""
    backup_schedule: str = ""
    backup_keep: int = 7
    restarted_at: str = ""

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.hostname}"

    @property
    def shop(self) -> dict[str, str]:
        return dict(self.shop_items)

    @property
    def labels(self) -> dict[str, str]:
        """What every object and pod of the store carries."""
        return {
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/managed-by": "store-platform",
            "app.kubernetes.io/name": self.engine,
            "app.kubernetes.io/part-of": "store-platform",
            STORE_LABEL: self.name,
        }


def namespace_of(name: str) -> str:
    """The namespace of the store called ``name``."""
    return f"store-{name}"


def accept(request: SyncRequest, settings: Settings, end: Expiry | None = None) -> tuple[Store, Release]:
    """Make every choice the spec leaves open; raise NotAccepted where it can't be had."""
    parent, status = request.parent, request.status
    spec, name = parent.get("spec"), parent["metadata"]["name"]
    if not isinstance(spec, dict):
        raise NotAccepted("InvalidSpec", "spec must be a mapping: apply the Store again")
    engine_name = _choice("engine", _text(spec, "engine"), list(settings.engines))
    accepted_as = status.get("engine")
    if isinstance(accepted_as, str) and accepted_as != engine_name:
        raise NotAccepted("EngineChanged", f'the engine can\'t change: set spec.engine back to "{accepted_as}"')
    engine = settings.engines[engine_name]
    release = read(status)
    version = _text(spec, "version") or release.running or release.target or engine.versions[0]
    release = begin(release, _choice("version", version, engine.versions), request.now)
    plan_name = _choice("plan", _text(spec, "plan"), list(settings.plans))
    plan = settings.plans[plan_name]
    hostname = _text(spec, "hostname") or f"{name}.{settings.values['domain']}"
    store = Store(
        name=name,
        uid=parent["metadata"]["uid"],
        owner=_text(spec, "owner") or _invalid("owner", "a user's name"),
        engine=engine_name,
        version=_choice("version", release.target, engine.versions),
        plan=plan_name,
        hostname=hostname,
        admin_email=_text(spec, "adminEmail") or f"admin@{hostname}",
        storage=_gibibytes(_text(spec, "storage")) or plan["storage"]["database"],
        replicas=_replicas(spec) or plan["replicas"],
        tls=bool(settings.values["ingress"]["tlsIssuer"]),
        restarted_at=_text(spec, "restartedAt") or "",
        shop_items=_shop(spec, name),
        snapshot=release.snapshot if release.upgrading else closing_backup(end, request),
        **_restore(request, settings, release),
        **_backup(spec),
    )
    return store, release


def _restore(request: SyncRequest, settings: Settings, release: Release) -> dict[str, Any]:
    """Which archive to put back: a snapshot on the way back from a version, else what spec.restoreFrom names, once."""
    restored = request.status.get("restored")
    done = {"data_of": restored} if isinstance(restored, str) else {}
    if release.restore:
        return {"restore": f"snapshot/{release.restore}", **done}
    wanted = dig(request.parent, "spec", "restoreFrom")
    if wanted is None:
        return done
    if not isinstance(wanted, dict):
        _invalid("restoreFrom", "a mapping with backup and store")
    name, archive = request.parent["metadata"]["name"], _text(wanted, "backup") or "latest"
    source = _text(wanted, "store") or name
    if source != name and not settings.object_store_keys:
        raise NotAccepted(
            "NoObjectStore",
            "spec.restoreFrom.store must be left out: this platform keeps backups on the stores' own volumes, "
            "which no other store can read",
        )
    data_of = f"{source}/{archive}"
    if data_of == restored:
        return done
    return {"restore": archive, "restore_store": source, "restore_uploads": True, "data_of": data_of}


def _backup(spec: Object) -> dict[str, Any]:
    wanted = spec.get("backup")
    if wanted is None:
        return {}
    schedule = _text(wanted, "schedule") if isinstance(wanted, dict) else None
    keep = wanted.get("keep", 7) if isinstance(wanted, dict) else 7
    if not schedule or type(keep) is not int or not 1 <= keep <= 100:
        _invalid("backup", "a mapping with a schedule, and keep from 1 to 100")
    return {"backup_schedule": schedule, "backup_keep": keep}


def _shop(spec: Object, name: str) -> tuple[tuple[str, str], ...]:
    """All that spec.shop says, for the templates; the CRD's schema knows what that is and fills in what is left out."""
    shop = spec.get("shop")
    if not isinstance(shop, dict) or not all(isinstance(text, str) for text in shop.values()):
        _invalid("shop", "a mapping of texts")
    if not shop.keys() >= {"country", "currency"}:
        _invalid("shop", "a mapping with country and currency")
    return tuple(sorted({"title": name, **shop}.items()))


def _invalid(field: str, form: str) -> NoReturn:
    raise NotAccepted("InvalidSpec", f"spec.{field} must be {form}: edit the Store")


def _text(spec: Object, field: str) -> str | None:
    value = spec.get(field)
    return value if value is None or isinstance(value, str) else _invalid(field, "a text")


def _choice(field: str, value: Any, choices: list[str]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise NotAccepted(
        f"Unknown{field.title()}", f"spec.{field} must be one of {', '.join(choices)}: edit the Store to choose one"
    )


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
