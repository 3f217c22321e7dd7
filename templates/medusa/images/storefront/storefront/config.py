"""Load the storefront's settings from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class ConfigurationError(Exception):
    """A variable is missing; the message names it."""


@dataclass(frozen=True)
class Config:
    """``country``: ISO 3166-1 alpha-2, whose region is sold to. ``price_format``: as spec.shop.priceFormat has it;
    empty for what is usual in the country."""

    backend: str
    publishable_key: str
    store_url: str
    secret_key: str
    title: str
    country: str
    price_format: str = ""

    @property
    def https(self) -> bool:
        return self.store_url.startswith("https://")


def read(environment: Mapping[str, str]) -> Config:
    """Read the environment.

    :raise ConfigurationError: a required variable is missing.
    """

    def text(name: str) -> str:
        if not environment.get(name):
            raise ConfigurationError(f"the environment variable {name} must be set")
        return environment[name]

    return Config(
        backend=text("MEDUSA_BACKEND_URL"),
        publishable_key=text("MEDUSA_PUBLISHABLE_KEY"),
        store_url=text("STORE_URL"),
        secret_key=text("SECRET_KEY"),
        title=text("SHOP_TITLE"),
        country=text("SHOP_COUNTRY").upper(),
        price_format=environment.get("SHOP_PRICE_FORMAT", ""),
    )
