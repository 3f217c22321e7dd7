"""A request in a language, for code that translates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import Babel

TRANSLATIONS = Path(__file__).parents[2] / "dashboard" / "translations"


@pytest.fixture
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    """The reader's language: English, or the test's parameter."""
    chosen: str = getattr(request, "param", "en")
    app = Flask("unit")
    Babel(app, locale_selector=lambda: chosen, default_translation_directories=str(TRANSLATIONS))
    with app.test_request_context():
        yield chosen
