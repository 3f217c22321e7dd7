"""One Medusa store for all these tests, started from its manifests, and a shopper's browser."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .medusa import MedusaStore
from .stripe import Stripe

GERMAN = {"country": "DE", "currency": "EUR"}


@pytest.fixture(scope="session")
def shop() -> Iterator[MedusaStore]:
    """A store that sells, in Germany, under a title with characters that break shells, YAML or HTML."""
    title = "Käse & $(NAME) <Brot>"
    with MedusaStore.temporary(hostname="shop.example.com", shop={**GERMAN, "title": title}) as store:
        store.open()
        yield store


@pytest.fixture(scope="module")
def stripe() -> Iterator[Stripe]:
    """A payment provider."""
    area = Path(tempfile.mkdtemp(prefix="store-stripe-tests-"))
    stripe = Stripe(area)
    stripe.start()
    yield stripe
    stripe.stop()
    shutil.rmtree(area)


@pytest.fixture
def context_options(shop: MedusaStore) -> dict[str, Any]:
    """The browser reaches the shop at its own address, through the Ingress."""
    return {"proxy": {"server": shop.ingress.url}, "base_url": shop.url}
