"""What a refused form says."""

from __future__ import annotations

import pytest

from storeplatform.api.crd import part, schema_of
from storeplatform.api.problems import pointers
from storeplatform.dashboard.form import in_words
from tests.dashboard.language import TECHNICAL


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("spec", [{"adminEmail": "a@b"}, {"shop": {"title": "\t"}}, {"shop": {"title": "x" * 101}}])
def test_what_an_owner_typed_wrong_is_said_in_their_words(spec: dict[str, object]) -> None:
    errors = schema_of(part("spec"), "spec")().validate({"engine": "medusa", "owner": "ann", **spec})
    (words,) = in_words(pointers(errors, "/spec")).values()
    assert not TECHNICAL.search(words)


@pytest.mark.usefixtures("language")
def test_other_errors_stay_as_the_api_has_them() -> None:
    errors = {"/spec/adminEmail": "is taken", "/spec/hostname": "must have the form of a host"}
    assert in_words(errors) == errors
