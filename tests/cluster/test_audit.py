"""Read the API server's audit log while it is written."""

import json
from pathlib import Path

from .audit import AuditLog


def line(name: str) -> str:
    """Return the record of a request for a Namespace of that name."""
    target = {"resource": "namespaces", "name": name}
    return json.dumps({"verb": "get", "user": {}, "requestURI": "/", "objectRef": target}) + "\n"


def test_a_line_being_written_at_the_mark_counts_as_recorded_before(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.log")
    audit.path.write_text(line("first") + line("second")[:20])
    mark = audit.mark()
    audit.path.write_text(line("first") + line("second") + line("third") + line("fourth")[:20])
    assert [each.name for each in audit.requests(mark)] == ["third"]


def test_everything_recorded_after_a_mark_is_returned(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.log")
    assert audit.mark() == 0
    audit.path.write_text(line("first"))
    mark = audit.mark()
    audit.path.write_text(line("first") + line("second"))
    assert [[each.name for each in audit.requests(since)] for since in (0, mark)] == [["first", "second"], ["second"]]
