"""The texts for engines and plans that an owner reads."""

from __future__ import annotations

import pytest
import yaml

from storeplatform.dashboard.offers import SHIPPED, in_words
from storeplatform.templates import ENGINES
from tests.values import settings_of


def test_every_shipped_text_can_be_translated() -> None:
    engines = [yaml.safe_load(file.read_text())["description"] for file in ENGINES.glob("*/engine.yaml")]
    plans = [plan["title"] for plan in settings_of("hooks")["plans"].values()]
    assert {*engines, *plans} == SHIPPED


@pytest.mark.parametrize("language", ["de"], indirect=True)
def test_an_installations_text_is_unchanged_and_a_shipped_one_translated(language: str) -> None:
    assert in_words("For 100% of us") == "For 100% of us"
    assert in_words("For a shop with steady customers") == "Für einen Shop mit Stammkunden"
