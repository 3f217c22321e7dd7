"""What an owner reads when the API refuses: nothing technical, in either language, for every refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storeplatform.api.crd import part, schema_of
from storeplatform.api.problems import KINDS, Problem, pointers
from storeplatform.dashboard import refusals
from storeplatform.dashboard.client import ApiProblem
from storeplatform.dashboard.form import ASKED, CARRIED
from tests.dashboard.language import TECHNICAL

DASHBOARD = Path(__file__).parents[2] / "dashboard"
# For these a page is shown that needs no text of the API.
PAGES = {"malformed-request", "confirmation-required", "unauthenticated", "not-found", "method-not-allowed", "too-slow"}
PAGES |= {"not-yet", "too-large", "unsupported-media-type", "idempotency-mismatch", "condition-required"}
PAGES |= {"too-many-requests", "internal"}
GENERIC = "This value can't be used."


def refused(kind: str, detail: str = "set spec.suspended to false", errors: dict[str, str] | None = None) -> ApiProblem:
    """Return the problem as it comes from the API."""
    problem = Problem(kind, detail, errors)
    return ApiProblem(problem.status, problem.body("1"), "")


def fields_of_the_spec(node: dict[str, Any], above: str = "/spec") -> Iterator[str]:
    """Return every pointer of the spec's schema."""
    for name, inner in node.get("properties", {}).items():
        yield f"{above}/{name}"
        yield from fields_of_the_spec(inner, f"{above}/{name}")


@pytest.mark.parametrize("language", ["en", "de"], indirect=True)
def test_no_refusal_is_technical(language: str) -> None:
    errors = dict.fromkeys(["/", "/name", *fields_of_the_spec(part("spec"))], "must have the form ^[a-z]$")
    read = [*refusals.fields(refused("invalid", errors=errors), "owner").values()]
    read += [refusals.summary(refused(kind), "owner") for kind in KINDS]
    assert [text for text in read if TECHNICAL.search(text) or not text.endswith(".")] == []


@pytest.mark.usefixtures("language")
def test_each_kind_that_an_owners_form_can_cause_has_its_own_text() -> None:
    generic = refusals.summary(refused("internal"), "owner")
    assert [kind for kind in KINDS.keys() - PAGES if refusals.summary(refused(kind), "owner") == generic] == []


@pytest.mark.usefixtures("language")
def test_each_field_of_a_form_has_its_own_text() -> None:
    """What forms send: the new shop's fields, and those of the small forms and the actions."""
    asked = {f"/spec/{name.replace('.', '/')}" for name in (*ASKED, *CARRIED)}
    asked |= {"/name", "/spec/backup/schedule", "/spec/version", "/expiresAt", "/backup"}
    read = refusals.fields(refused("invalid", errors=dict.fromkeys(asked, "is wrong")), "owner")
    assert [where for where, words in read.items() if words == GENERIC] == []


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"adminEmail": "a@b"}, "Enter a full e-mail address, such as ann@example.com."),
        ({"shop": {"title": "\t"}}, "Enter one line of at most 100 characters."),
    ],
)
def test_an_owners_invalid_input_is_explained_in_their_terms(spec: dict[str, object], words: str) -> None:
    errors = schema_of(part("spec"), "spec")().validate({"engine": "medusa", "owner": "ann", **spec})
    assert refusals.all_of(refused("invalid", errors=pointers(errors, "/spec")), "owner") == words


@pytest.mark.usefixtures("language")
def test_platform_teams_and_integration_fields_keep_the_apis_messages() -> None:
    problem = refused(
        "invalid", "the request is invalid", {"/spec/keep": "must be at least 1", "/fields/port": "is 25"}
    )
    assert refusals.fields(problem, "admin") == problem.errors
    assert refusals.summary(problem, "support") == "the request is invalid"
    assert refusals.fields(problem, "owner")["/fields/port"] == "This value can't be used."


def test_no_owners_page_shows_the_apis_messages_elsewhere() -> None:
    """An owner has no quotas to set."""
    others = {"refusals.py", "client.py", "administration.py"}
    sources = {file.name: file.read_text() for file in DASHBOARD.glob("*.py") if file.name not in others}
    named = {name: re.findall(r"(?:problem|error)\.(?:detail|errors)\b", text) for name, text in sources.items()}
    assert {name: found for name, found in named.items() if found} == {"app.py": ["error.detail"]}  # in the log
