"""The storefront's formats and headers, tested inside its own image."""

from __future__ import annotations

import pytest

from .medusa import MedusaStore


def inside(shop: MedusaStore, statement: str) -> str:
    """Return the output of a statement run with the storefront's packages."""
    return shop.cluster.exec("Deployment", "storefront", "python3", "-X", "utf8", "-c", statement)


@pytest.mark.parametrize(
    ("country", "currency", "written"),
    [
        ("DE", "eur", "1.234,50\xa0€"),
        ("US", "usd", "$1,234.50"),
        ("FR", "eur", "1\u202f234,50\xa0€"),
        ("CH", "chf", "CHF\xa01\u2019234.50"),
        ("JP", "jpy", "￥1,234"),
        ("XX", "eur", "€1,234.50"),
    ],
)
def test_a_price_has_its_countrys_format(shop: MedusaStore, country: str, currency: str, written: str) -> None:
    statement = f"from storefront.money import Writing; print(Writing({country!r}).price(1234.5, {currency!r}))"
    assert inside(shop, statement) == written


@pytest.mark.parametrize(
    ("price_format", "amount", "currency", "written"),
    [
        ("1.234,56 ¤", 1234.5, "usd", "1.234,50\xa0$"),
        ("¤1,234.56", -1234567.8, "eur", "-€1,234,567.80"),
        ("¤ 1 234,56", 1234.5, "eur", "€\xa01\xa0234,50"),
        ("1'234.56 ¤", 1234.5, "chf", "1\u2019234.50\xa0CHF"),
        ("1.234,56 ¤", 12345, "jpy", "12.345\xa0¥"),
    ],
)
def test_a_price_is_written_as_the_store_says(
    shop: MedusaStore, price_format: str, amount: float, currency: str, written: str
) -> None:
    statement = (
        f"from storefront.money import Writing;print(Writing('US', {price_format!r}).price({amount!r}, {currency!r}))"
    )
    assert inside(shop, statement) == written


def test_a_shop_with_tls_sends_its_session_only_over_tls(shop: MedusaStore) -> None:
    statement = (
        "from storefront.app import create_app; from storefront.config import Config;"
        "app = create_app(Config('http://backend', 'pk', 'https://shop.example.com', 'secret', 'Shop', 'DE'));"
        "print(app.test_client().get('/orders').headers['Set-Cookie'])"
    )
    assert "; Secure; HttpOnly" in inside(shop, statement)


def test_a_missing_variable_is_named(shop: MedusaStore) -> None:
    statement = (
        "from storefront.config import ConfigurationError, read\n"
        "try: read({'MEDUSA_BACKEND_URL': 'http://backend'})\n"
        "except ConfigurationError as error: print(error)"
    )
    assert inside(shop, statement) == "the environment variable MEDUSA_PUBLISHABLE_KEY must be set"
