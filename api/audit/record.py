"""A record, and which parts of a store's spec it may contain."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from storeplatform.common.times import written

# No field of a valid spec is secret, but a rejected one may contain any field: the values of fields with these words
# are hidden.
SECRET = re.compile(r"passw|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
HIDDEN = "(redacted)"

# In bytes. A spec has a few hundred; a rejected one may have megabytes.
LARGEST = 2 * 1024

# In characters. A name in a rejected request may have any length.
LONGEST_TEXT = 1024

ATTEMPTED = "attempted"


@dataclass(frozen=True)
class Record:
    """One action, done or refused.

    ``interface``: "kubectl" for any direct client of the API server, "api" or "dashboard". ``action``: create, update,
    delete, suspend, resume, gone, reveal-credentials, quota, ... ``outcome``: admitted, refused, or attempted (the
    final check is still to come). An attempt without a later outcome is reported as refused. ``before`` and ``after``:
    specs as returned by ``plain`` and ``changes``. ``key``: shared by an attempt and its outcome; "" if there is none.
    """

    actor: str
    interface: str
    action: str
    store: str
    owner: str
    outcome: str
    reason: str = ""
    request_id: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    key: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def cursor(self) -> str:
        """The cursor with which ``Audit.query`` continues after this record."""
        return f"{micros(self.at)}.{self.id}"

    def bounded(self) -> Record:
        """Return the record with its strings truncated to their limits."""
        texts = {name: value for name, value in vars(self).items() if isinstance(value, str)}
        return replace(self, **{name: value[:LONGEST_TEXT] for name, value in texts.items()})  # type: ignore[arg-type]

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON values, with the time in RFC 3339."""
        return {**asdict(self), "at": written(self.at, "auto")}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Record:
        """Return the record from JSON values.

        :raise KeyError, TypeError, ValueError: the values are not a record's.
        """
        return cls(**{**values, "at": datetime.fromisoformat(values["at"])})


def micros(at: datetime) -> int:
    """Return microseconds since 1970, an integer that every database sorts chronologically."""
    return round(at.timestamp() * 1_000_000)


def plain(spec: Any) -> Any:
    """Return a spec as stored in a record: secrets hidden, and only its size if it is far too large."""
    size = len(json.dumps(spec))
    return _hidden(spec) if size <= LARGEST else {"bytes": size}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the differing fields: their old and their new values."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return tuple(plain({name: spec[name] for name in names if name in spec}) for spec in (before, after))


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: HIDDEN if SECRET.search(str(name)) else _hidden(each) for name, each in value.items()}
    return [_hidden(each) for each in value] if isinstance(value, list) else value
