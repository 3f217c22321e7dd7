"""A new store's form follows the API's schema, and becomes a valid spec."""

from __future__ import annotations

import html
import re
from typing import Any

from storeplatform.dashboard.form import ASKED, Field, fields, like, spec_of
from tests.api.server import Api

from .server import Visitor

DOCUMENT: dict[str, Any] = {
    "components": {
        "schemas": {
            "NewStore": {"required": ["name"], "properties": {"name": {"maxLength": 12}}},
            "NewStoreSpec": {
                "required": ["engine"],
                "properties": {
                    **{
                        key: {"type": "string", "maxLength": 7} for key in ("engine", "hostname", "adminEmail", "owner")
                    },
                    "plan": {"default": "tiny"},
                    "shop": {"properties": {key: {} for key in ("title", "currency", "country")}},
                },
            },
        }
    }
}


def test_a_field_has_the_schemas_length_and_default() -> None:
    found = fields(DOCUMENT)
    assert found["name"] == Field("/name", "", {"maxlength": "12", "required": "required"})
    assert found["engine"] == Field("/spec/engine", "", {"maxlength": "7", "required": "required"})
    assert found["plan"] == Field("/spec/plan", "tiny", {})
    assert found["shop.title"] == Field("/spec/shop/title", "", {})


def test_filled_fields_become_a_spec_and_empty_ones_are_omitted() -> None:
    given = {
        "name": "a",
        "engine": "medusa",
        "plan": "",
        "shop.title": "Tea",
        "shop.country": "",
        "shop.currency": "EUR",
    }
    assert spec_of(given) == {"engine": "medusa", "shop": {"title": "Tea", "currency": "EUR"}}
    assert spec_of({"engine": "medusa", "backup": "yes"}) == {"engine": "medusa", "backup": {"schedule": "0 3 * * *"}}


def test_a_shop_from_a_backup_copies_all_but_title_and_address() -> None:
    shop = {"title": "Tea", "currency": "CHF", "country": "CH"}
    spec = {"engine": "woocommerce", "plan": "large", "owner": "ann", "hostname": "tea.example.com", "shop": shop}
    wanted = {"engine": "woocommerce", "plan": "large", "owner": "ann", "shop.currency": "CHF", "shop.country": "CH"}
    assert like({"spec": spec}) == wanted
    given = {**wanted, "restoreFrom.store": "tea", "restoreFrom.backup": "2030-01-31T03:00:00Z"}
    assert spec_of(given)["restoreFrom"] == {"store": "tea", "backup": "2030-01-31T03:00:00Z"}


def test_the_page_shows_each_field_with_the_apis_default(ann: Visitor, api: Api) -> None:
    page = html.unescape(ann.get("/stores/new").text)
    asked = fields(api.caller("ann").get("/openapi.json"))
    inputs = {found[1]: found[0] for found in re.finditer(r'<input [^>]*name="([^"]+)"[^>]*>', page)}
    lists = dict(re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL))
    assert set(ASKED) - inputs.keys() - lists.keys() == {"owner"}  # an owner's is set automatically
    for name in ("name", "hostname", "adminEmail", "shop.title"):
        written = {"value": asked[name].default, **asked[name].attributes}
        assert [f'{key}="{value}"' for key, value in written.items() if f'{key}="{value}"' not in inputs[name]] == []
    for name in ("shop.currency", "shop.country"):
        assert set(re.findall(r'<option value="(\w+)"', lists[name])) == set(asked[name].choices)
        assert re.findall(r'<option value="(\w+)" selected', lists[name]) == [asked[name].default]
    assert '<option value="EUR" selected>Euro (EUR)</option>' in lists["shop.currency"]
    assert re.search(rf'name="plan" value="{asked["plan"].default}" checked', page)
