"""The history of shops, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from storeplatform.dashboard.history import actor, sentence


@pytest.fixture(scope="module", autouse=True)
def page() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


def record(action: str = "update", before: Any = None, after: Any = None) -> dict[str, Any]:
    return {"actor": "ann", "action": action, "store": "tea", "owner": "ann", "before": before, "after": after}


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        ("create", None, {"plan": "small"}, "created tea"),
        ("create", None, {"restoreFrom": {"store": "milk"}}, "created tea from a backup of milk"),
        ("create", None, {"restoreFrom": "milk"}, "created tea"),
        ("backup", {"backup": {}}, {"backup": {"requestedAt": "now"}}, "asked for a backup of tea"),
        ("suspend", {"suspended": False}, {"suspended": True}, "closed tea"),
        ("update", {"plan": "small"}, {"plan": "large"}, "changed tea: plan large"),
        ("update", None, {"expiresAt": "2030-12-24T00:00:00Z"}, "changed tea: end date December 24, 2030"),
        ("extend", {"expiresAt": "2030-12-24T00:00:00Z"}, {}, "changed tea: no end date"),
        ("update", {"backup": {"schedule": "0 3 * * *"}}, {}, "changed tea: backups turned off"),
        ("update", {"plan": "small"}, {"suspended": True, "plan": "medium"}, "changed tea: closed, plan medium"),
        ("update", {"metadata.labels": {"a": "b"}}, {"metadata.finalizers": []}, "changed tea: internal settings"),
        ("update", None, {"spec": {"hostname": "nodots"}}, "changed tea: address nodots"),
        ("update", None, {"expiresAt": "soon"}, "changed tea: end date soon"),
        ("update", None, None, "changed tea: its settings"),
        ("reveal-credentials", None, None, "looked at the sign-in of tea"),
    ],
)  # fmt: skip
def test_an_action_is_a_sentence(action: str, before: Any, after: Any, words: str) -> None:
    assert sentence(record(action, before, after)) == words


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.sampled_from(["expiresAt", "backup", "plan", "shop", "spec", "metadata.labels"])


# The first sentence loads its language, which may take longer than an example usually may.
@examples(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(action=st.text(), before=JSON, after=JSON | st.dictionaries(FIELDS, JSON))
def test_any_refused_request_has_a_sentence(action: str, before: Any, after: Any) -> None:
    assert sentence(record(action, before, after))


def test_actors_are_named_as_an_owner_knows_them() -> None:
    names = ("ann", "system:serviceaccount:store-platform:reaper", "bob@example.com")
    assert [actor({"actor": name}, "ann") for name in names] == ["You", "The platform", "bob@example.com"]
