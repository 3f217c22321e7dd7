"""Read the API server's audit log: every request, its caller and the response."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One answered request.

    `resource` is plural, with the subresource after a slash; `code` is the HTTP status.
    """

    verb: str
    user: str
    group: str
    resource: str
    namespace: str
    name: str
    code: int
    user_agent: str


def is_system(request: Request) -> bool:
    """Whether a component of the control plane made it (controllers, scheduler, KWOK)."""
    return request.user.startswith("system:kube-") or request.user in {"system:apiserver", "system:kwok"}


def is_bookkeeping(request: Request) -> bool:
    """Whether it concerns only leases or events."""
    return request.resource.split("/")[0] in {"leases", "events"}


class AuditLog:
    """The audit log of one API server. A mark is a position in it, taken before the requests to be counted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mark(self) -> int:
        """Return the position after everything recorded so far. (A request is recorded just after its response was
        sent.)

        It may be inside a line that is being written, which then counts as recorded before.
        """
        return self.path.stat().st_size if self.path.exists() else 0

    def requests(self, since: int = 0) -> Iterator[Request]:
        """Return finished requests after a mark, in order; a watch appears when it begins and when it ends."""
        with self.path.open("rb") as log:
            if since:
                log.seek(since - 1)
                log.readline()  # the rest of the last line before the mark
            for line in log:
                if not line.endswith(b"\n"):  # still being written
                    return
                yield _request(json.loads(line))

    def writes(
        self,
        since: int = 0,
        ignore: Callable[[Request], bool] = lambda request: is_system(request) or is_bookkeeping(request),
    ) -> list[Request]:
        """Return requests after a mark that change something, including refused ones, without those that `ignore`
        names.
        """
        return [each for each in self.requests(since) if each.verb in WRITES and not ignore(each)]


def _request(event: dict) -> Request:
    target = event.get("objectRef", {})
    parts = (target.get("resource", event["requestURI"]), target.get("subresource"))
    return Request(
        verb=event["verb"],
        user=event["user"].get("username", ""),
        group=target.get("apiGroup", ""),
        resource="/".join(filter(None, parts)),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        user_agent=event.get("userAgent", ""),
    )
