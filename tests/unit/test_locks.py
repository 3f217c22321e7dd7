"""Fields that an admin locks on an owner's store."""

from __future__ import annotations

import pytest

from storeplatform.api.locks import ANNOTATION, locked_fields, with_lock

OWNED = {"owner": "ann"}


@pytest.mark.parametrize(
    ("before", "old", "new", "actor", "after"),
    [
        ("", {}, {"suspended": True}, "ann", ""),
        ("", {}, {"suspended": True}, "ada", "suspended"),
        ("suspended", {"suspended": True}, {"suspended": False}, "ada", ""),
        ("suspended", {"suspended": True}, {"suspended": True, "plan": "large"}, "ada", "suspended"),
        ("plan", {}, {"expiresAt": "2030-01-01T00:00:00Z"}, "ada", "plan,expiresAt"),
        ("suspended", {"suspended": True}, {"suspended": True, "deletionProtection": True}, "ann", "suspended"),
    ],
)
def test_what_an_admin_sets_is_locked_and_what_they_reset_is_not(
    before: str, old: dict[str, object], new: dict[str, object], actor: str, after: str
) -> None:
    assert locked_fields(before, {**OWNED, **old}, {**OWNED, **new}, actor) == after


def test_a_lock_replaces_the_previous_one_and_keeps_other_annotations() -> None:
    annotations = {"a": "b", ANNOTATION: "plan"}
    assert with_lock(annotations, "suspended") == {"a": "b", ANNOTATION: "suspended"}
    assert with_lock(annotations, "") == {"a": "b"}
