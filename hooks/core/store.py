"""A Store with all its choices resolved."""

from __future__ import annotations

from dataclasses import dataclass

from storeplatform.common.objects import STORE_LABEL, namespace_of

from .integrations import ConnectedIntegration


@dataclass(frozen=True)
class Store:
    """What templates see as ``store``.

    ``storage``: the database's, in Gi. ``shop_items``: the items of ``shop``, which is spec.shop. ``snapshot``: the one
    to take before the migration. ``check``: the archive to check while the shop stays open. ``restore``: the archive to
    restore first. ``restore_store``: the store that both archives belong to, if it is another one. ``request``
    identifies the check or restore. ``migration`` distinguishes this version's migration from earlier ones, if there
    were any. ``claim``: the host that has to be proven. ``restarted_at``: pods that serve shoppers must be newer than
    this; "" if any are. ``backup_request`` identifies a requested backup; "" if none. ``connections``: the configured
    integrations. ``owner_email``: where the owner reads mail; "" if unknown.
    """

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
    migration: str = ""
    backup_schedule: str = ""
    backup_keep: int = 7
    backup_request: str = ""
    restarted_at: str = ""
    check: str = ""
    request: str = ""
    claim: str = ""
    connections: tuple[ConnectedIntegration, ...] = ()
    owner_email: str = ""

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
    def integrations(self) -> dict[str, ConnectedIntegration]:
        """The configured integrations that can be used, by name."""
        return {each.name: each for each in self.connections if not each.fault}

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every object and pod of the store."""
        return {
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/managed-by": "store-platform",
            "app.kubernetes.io/name": self.engine,
            "app.kubernetes.io/part-of": "store-platform",
            STORE_LABEL: self.name,
        }
