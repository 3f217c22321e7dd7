"""No caller fills the audit: of what one does or is refused only so much is kept, and how much more there was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from .record import Record

WINDOW_SECONDS = 60.0
# Of one actor and action in a window: some 150 refusals and 1,200 changes of ordinary size, more than anybody does by
# hand.
KEPT_BYTES = {"refused": 64 * 1024, "admitted": 512 * 1024}
# Windows that are remembered; beyond them all are one.
WINDOWS = 10_000


# Actor, outcome and what was done.
_Kind = tuple[str, str, str]


@dataclass
class _Window:
    since: float
    kept: int = 0
    left_out: int = 0
    last: Record | None = None


class Fairness:
    """Of one process.

    :param clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._windows: dict[_Kind, _Window] = {}

    def kept(self, record: Record) -> list[Record]:
        """What to keep when ``record`` comes: itself, unless its actor has enough of that kind in this window; before
        it, where a window has ended, one that says how many were left out.

        Each kind is counted separately, so that nobody hides a change or a deletion behind a thousand labels.
        """
        outcome = "admitted" if record.outcome == "admitted" else "refused"
        with self._lock:
            now = self._clock()
            ended = self._ended(now)
            known = (record.actor, outcome, _what(record))
            key = known if known in self._windows or len(self._windows) < WINDOWS else ("", outcome, "")
            window = self._windows.setdefault(key, _Window(now))
            if window.kept < KEPT_BYTES[outcome]:
                window.kept += len(json.dumps(record.as_json()))
                return [*ended, record]
            window.left_out, window.last = window.left_out + 1, record
            return ended

    def _ended(self, now: float) -> list[Record]:
        over = [key for key, window in self._windows.items() if now - window.since >= WINDOW_SECONDS]
        windows = [(key[1], self._windows.pop(key)) for key in over]
        return [_summary(window.last, outcome, window.left_out) for outcome, window in windows if window.last]


def _what(record: Record) -> str:
    """The action; of a change that is of the metadata alone, that."""
    fields = {**(record.before or {}), **(record.after or {})}
    return "metadata" if fields and all(name.startswith("metadata.") for name in fields) else record.action


def _summary(last: Record, outcome: str, count: int) -> Record:
    """The last one left out, for all of them."""
    requests = f"{outcome} requests of this caller and kind within a minute"
    reason = f"one of {count} {requests} of which no other record is kept"
    return replace(last, outcome=outcome, reason=reason, before=None, after=None, key="")
