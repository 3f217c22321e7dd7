"""How pages format times, sizes and schedules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from storeplatform.dashboard import filters

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "hour"),
    [("0 3 * * *", 3), ("0 23 * * *", 23), ("0 24 * * *", None), ("30 3 * * *", None), ("0 3 * * 1", None), ("", None)],
)
def test_only_a_daily_full_hour_is_an_hour(schedule: str, hour: int | None) -> None:
    assert filters.daily_hour(schedule) == hour


@pytest.mark.parametrize(("quantity", "text"), [("512Mi", "512 MiB"), ("2Gi", "2 GiB"), ("1", "1"), ("500m", "500m")])
def test_sizes_have_one_format(quantity: str, text: str) -> None:
    assert filters.binary(quantity) == text


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [
        ("en", 0, "0 B"),
        ("en", 1023, "1,023 B"),
        ("en", 1536, "1.5 KiB"),
        ("de", 1536, "1,5 KiB"),
        ("en", 120 * 2**20, "120 MiB"),
        ("en", 2 * 2**30, "2 GiB"),
        ("de", 5000 * 2**40, "5.000 TiB"),
    ],
    indirect=["language"],
)
def test_a_number_of_bytes_is_shown_in_a_suitable_unit(language: str, number: int, text: str) -> None:
    assert filters.size(number) == text


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(
    ("text", "words"),
    [("2030-01-01T11:55:00Z", "5 minutes ago"), ("2030-01-03T12:00:00Z", "in 2 days"), ("", ""), (None, "")],
)
def test_times_are_relative_to_now(text: str | None, words: str) -> None:
    assert filters.ago(text, NOW) == words


@pytest.mark.parametrize(
    ("language", "names"),
    [("en", ["Austria", "Germany"]), ("de", ["Deutschland", "Österreich"])],
    indirect=["language"],
)
def test_countries_are_in_the_readers_alphabetical_order(language: str, names: list[str]) -> None:
    assert [name for _, name in filters.territories(["DE", "AT"])] == names


def test_a_manifest_omits_what_was_never_set() -> None:
    text = filters.manifest(
        {"name": "shop", "spec": {"engine": "medusa", "suspended": False, "shop": {}, "plan": None}}
    )
    assert (
        text
        == "apiVersion: platform.urumi.dev/v1alpha1\nkind: Store\nmetadata:\n  name: shop\nspec:\n  engine: medusa\n"
    )


@pytest.mark.parametrize(
    ("language", "code", "example"),
    [("de", "EUR", "1.234,56\xa0€"), ("en", "JPY", "1.234\xa0¥"), ("en", "KWD", "1.234,560\xa0KWD")],
    indirect=["language"],
)
def test_a_price_format_is_read_by_its_example_in_the_shops_currency(language: str, code: str, example: str) -> None:
    shop = {"country": "CH", "currency": code}
    usual, *ways = filters.price_formats(["1.234,56 ¤"], shop)
    assert ways == [("1.234,56 ¤", example)]
    assert usual == ("", "As is usual in Switzerland" if language == "en" else "Wie üblich: Schweiz")
