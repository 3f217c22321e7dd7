"""The audit store: who did what to which store, through which interface, when, and with what result.

A record is on disk before ``Audit.record`` returns; a thread moves it to the database.
"""

from .audit import Audit
from .record import Record, changes, plain
from .store import Filters

__all__ = ["Audit", "Filters", "Record", "changes", "plain"]
