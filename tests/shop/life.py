"""A store and its history, and the orders that it must have."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

from playwright.sync_api import Browser, Page

from .store import RunningStore

StoreT = TypeVar("StoreT", bound=RunningStore)


@dataclass
class Life(ABC, Generic[StoreT]):
    """``orders``: those that the store must have, as ``buy`` names them."""

    store: StoreT
    browser: Browser
    orders: set[str] = field(default_factory=set)
    _saved: dict[str, set[str]] = field(default_factory=dict)

    @abstractmethod
    def buy(self, page: Page) -> str:
        """Go from the shop's address to an order, on the page of a new visitor; return the order's name."""

    @abstractmethod
    def shown(self, page: Page) -> set[str]:
        """Return the orders in the administration, signed in with the Secret's password."""

    @contextmanager
    def visitor(self, javascript: bool = True) -> Iterator[Page]:
        """A new visitor's page."""
        proxy: Any = {"server": self.store.ingress.url}
        with self.browser.new_context(
            proxy=proxy, base_url=self.store.url, java_script_enabled=javascript, ignore_https_errors=True
        ) as context:
            context.set_default_timeout(60_000)
            yield context.new_page()

    def order(self, javascript: bool) -> None:
        """Buy something."""
        with self.visitor(javascript) as page:
            self.orders.add(self.buy(page))

    def seen_by_the_owner(self) -> set[str]:
        """Return the orders that the owner sees."""
        with self.visitor() as page:
            return self.shown(page)

    def check(self) -> None:
        """Buy with JavaScript and without, and check that the owner sees these orders and all earlier ones."""
        self.order(javascript=True)
        self.order(javascript=False)
        assert self.seen_by_the_owner() == self.orders

    def snapshot(self, name: str) -> None:
        """Back up the database, as before an upgrade."""
        self.store.archive("snapshot", name)
        self._saved[f"snapshot/{name}"] = set(self.orders)

    def back_up(self) -> None:
        """Back up the database and the uploads. Its report counts every order, because all of them are of today."""
        report = json.loads(self.store.archive("backup"))
        assert report["orders"] == len(self.orders)
        assert min(report["bytes"], report["databaseBytes"], report["uploadsBytes"]) > 0
        self._saved["latest"] = set(self.orders)

    def restore(self, archive: str, **spec: Any) -> None:
        """Restore the backup, while nothing serves, and continue with that spec."""
        self.store.close()
        self.store.cluster.start("StatefulSet", "database")
        self.store.archive("restore", archive)
        self.store.become(**spec)
        self.orders = set(self._saved[archive])

    @contextmanager
    def clone(self, **options: Any) -> Iterator[Self]:
        """Create another store from a backup of this one."""
        self.back_up()
        with self.store.temporary(**options) as store:
            archives, own = (each.area / "volumes" / "claim-backups" for each in (self.store, store))
            shutil.copytree(archives, own)
            clone = type(self)(store, self.browser, _saved=self._saved)
            clone.restore("latest")
            yield clone
