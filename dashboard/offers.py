"""The platform's own texts for engines and plans, in the reader's language."""

from __future__ import annotations

from flask_babel import gettext


def in_words(text: str) -> str:
    """Return an engine's description or a plan's title; an installation's own texts are unchanged."""
    return str(gettext(text)) if text in SHIPPED else text


def _(text: str) -> str:
    """Mark a text for translation where it is used."""
    return text


# The same texts as in templates/*/engine.yaml and the chart's values.
SHIPPED = {
    _("Fast pages that are ready to sell, without extensions. It suits most new shops."),
    _("The shop system of WordPress, with many designs and extensions. It suits owners who know WordPress."),
    _("For trying out and small catalogues"),
    _("For a shop with steady customers"),
    _("For busy days and large catalogues"),
}
