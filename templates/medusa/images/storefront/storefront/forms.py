"""The forms that shoppers fill in, and their validation."""

from __future__ import annotations

from typing import Any

from wtforms import EmailField, Form, SelectField, StringField, TelField
from wtforms.validators import DataRequired, Length, Optional, Regexp

EMAIL = Regexp(r"^[^@\s]+@[^@\s]+\.[^@\s]+\Z", message="Write it like name@example.com.")


def _stripped(text: str | None) -> str | None:
    return text.strip() if text else text


def _text(label: str, missing: str | None, autocomplete: str, field: type = StringField, *checks: Any) -> Any:
    """Return a field of one line; ``missing`` is the error if it is empty, None if it is optional."""
    first = DataRequired(missing) if missing else Optional()
    attributes = {"autocomplete": autocomplete, "maxlength": "120"}
    if missing:
        attributes["aria-required"] = "true"
    return field(label, [first, Length(max=120), *checks], filters=[_stripped], render_kw=attributes)


class AddressForm(Form):
    """A shipping address, with Medusa's field names."""

    email = _text("E-mail", "We send the confirmation there.", "email", EmailField, EMAIL)
    first_name = _text("First name", "Who are the goods for?", "given-name")
    last_name = _text("Last name", "Who are the goods for?", "family-name")
    address_1 = _text("Street and number", "Where do the goods go?", "address-line1")
    address_2 = _text("Flat, floor, company (optional)", None, "address-line2")
    postal_code = _text("Postal code", "Carriers want it.", "postal-code")
    city = _text("Town", "Where do the goods go?", "address-level2")
    country_code = SelectField("Country", render_kw={"autocomplete": "country"})
    phone = _text("Phone (optional)", None, "tel", TelField)

    @property
    def address(self) -> dict[str, str]:
        """Return all fields except the e-mail address."""
        return {name: value or "" for name, value in self.data.items() if name != "email"}


class LookupForm(Form):
    """What only a buyer knows of an order."""

    reference = _text("Order reference", "It is on your confirmation.", "off")
    email = _text("E-mail", "The one you ordered with.", "email", EmailField, EMAIL)
