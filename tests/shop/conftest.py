"""One Medusa store for all these tests, started as its manifests say, and a shopper's browser in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .medusa import MedusaStore

GERMAN = {"country": "DE", "currency": "EUR"}


@pytest.fixture(scope="session")
def shop() -> Iterator[MedusaStore]:
    """A store that sells, in Germany, under a title that a shell, YAML or HTML would stumble over."""
    title = "Käse & $(NAME) <Brot>"
    with MedusaStore.temporary(hostname="shop.example.com", shop={**GERMAN, "title": title}) as store:
        store.open()
        yield store


@pytest.fixture
def context_options(shop: MedusaStore) -> dict[str, Any]:
    """The browser finds the shop under its own address, through the Ingress."""
    return {"proxy": {"server": shop.ingress.url}, "base_url": shop.url}
