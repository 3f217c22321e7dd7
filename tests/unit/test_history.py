"""The history, as an owner reads it."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.dashboard.history import actor, line, sentence

pytestmark = pytest.mark.usefixtures("language")


def record(action: str, before: Any = None, after: Any = None) -> dict[str, Any]:
    return {"action": action, "store": "flowers", "owner": "", "actor": "ann", "before": before, "after": after}


@pytest.mark.parametrize(
    ("name", "shown"),
    [("ann", "You"), ("ben", "ben"), ("system:serviceaccount:metacontroller:metacontroller", "The platform")],
)
def test_the_actor_is_the_reader_the_platform_or_a_name(name: str, shown: str) -> None:
    assert actor({"actor": name}, "ann") == shown


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (record("suspend"), "closed flowers"),
        (record("quota"), "changed the limit of all together"),
        (record("update", {"plan": "small"}, {"plan": "large"}), "changed flowers: plan large"),
        (record("update", {}, {"suspended": True}), "changed flowers: closed"),
        (record("update", {"backup": {}}, {"backup": None}), "changed flowers: backups turned off"),
        (record("update", {}, {"expiresAt": "2030-12-24T10:00:00Z"}), "changed flowers: end date December 24, 2030"),
        (record("update", {"shop": {"title": "A"}}, {"shop": {"title": "B"}}), "changed flowers: the title"),
        (
            record("update", {"shop": {}}, {"shop": {"priceFormat": "¤1.234,56"}}),
            "changed flowers: how prices are written",
        ),
        (record("update", {}, {"metadata.labels.x": "y"}), "changed flowers: internal settings"),
        (record("update"), "changed flowers: its settings"),
    ],
)
def test_an_action_is_a_sentence(done: dict[str, Any], words: str) -> None:
    assert sentence(done) == words


@pytest.mark.parametrize(
    "sent",
    [
        None,
        1,
        "x",
        [],
        {"spec": 1},
        {"spec": {"expiresAt": 5}},
        {"expiresAt": "soon"},
        {"\x00": {}},
    ],
)
def test_a_refused_request_may_contain_anything(sent: Any) -> None:
    assert sentence(record("update", sent, sent)).startswith("changed flowers")


@pytest.mark.parametrize(
    ("language", "reader", "said"),
    [
        ("en", "ann", "You closed flowers"),
        ("en", "ben", "ann closed flowers"),
        ("de", "ann", "Sie haben flowers geschlossen"),
        ("de", "ben", "ann hat flowers geschlossen"),
    ],
    indirect=["language"],
)
def test_an_entry_is_a_sentence_in_the_readers_language(language: str, reader: str, said: str) -> None:
    assert line(record("suspend"), reader) == said
