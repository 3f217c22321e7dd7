"""One record, and which parts of a store's spec it may contain."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from storeplatform.common.times import written

# No field of a store's spec is secret, but a refused one may have any field: the values of these are hidden.
SECRET = re.compile(r"passw|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
HIDDEN = "(redacted)"

# A spec has a few hundred bytes; a refused one may have megabytes.
LARGEST = 2 * 1024

# A name in a refused request may be of any length.
LONGEST_TEXT = 1024

ATTEMPTED = "attempted"


@dataclass(frozen=True)
class Record:
    """One thing that somebody did, or was refused.

    ``interface``: "kubectl" for whatever calls the API server directly, "api" or "dashboard". ``action``: create,
    update, delete, suspend, resume, gone, reveal-credentials, quota, ... ``outcome``: admitted, refused, or attempted:
    on its way to the last check. An attempt that nothing follows is read as refused. ``before`` and ``after`` are specs
    as ``plain`` and ``changes`` give them. ``key`` is shared by an attempt and what follows it, empty where there is
    none.
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
        """The record with its texts cut to a bounded length."""
        texts = {name: value for name, value in vars(self).items() if isinstance(value, str)}
        return replace(self, **{name: value[:LONGEST_TEXT] for name, value in texts.items()})  # type: ignore[arg-type]

    def as_json(self) -> dict[str, Any]:
        """The record as JSON values, with the time in RFC 3339."""
        return {**asdict(self), "at": written(self.at, "auto")}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Record:
        """:raise KeyError, TypeError, ValueError: these are no record's values."""
        return cls(**{**values, "at": datetime.fromisoformat(values["at"])})


def micros(at: datetime) -> int:
    """Microseconds since 1970, which every database sorts like the times."""
    return round(at.timestamp() * 1_000_000)


def plain(spec: Any) -> Any:
    """A spec as a record holds it: secrets hidden, and only its size where it is far too large."""
    size = len(json.dumps(spec))
    return _hidden(spec) if size <= LARGEST else {"bytes": size}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Any, Any]:
    """The fields that differ, as they were and as they are."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return tuple(plain({name: spec[name] for name in names if name in spec}) for spec in (before, after))


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: HIDDEN if SECRET.search(str(name)) else _hidden(each) for name, each in value.items()}
    return [_hidden(each) for each in value] if isinstance(value, list) else value
