"""Mail stores' owners when an upgrade was rolled back, a shop is about to close, or a backup has failed.

Notices are computed from the Stores' status, so nothing is lost if this process dies. A Lease in the platform's
namespace records each sent notice; it is created once the relay has accepted the mail. If the process is killed between
the two, the mail is sent again with the same Message-ID, and the relay drops the duplicate.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from storeplatform.common.mail import Account, owner_email
from storeplatform.common.objects import GROUP
from storeplatform.common.times import moment

from ..cache import Cache
from ..cluster import Object, Unreachable
from ..leases import Leases
from .words import written

LABELS = {f"{GROUP}/notice": "sent"}
# How long the record of a notice is kept after the notice is no longer due, because the status may be read late.
KEPT = timedelta(days=1)
ANSWER_SECONDS = 30.0
# Mails per run; the others are sent in the next run.
AT_ONCE = 50
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 60.0, 12 * 3600.0
_ADDRESS = re.compile(r'[^\s<>()\[\]@",;:\\]{1,64}@[A-Za-z0-9.-]{1,253}')

log = structlog.get_logger("controllers.notices")


@dataclass(frozen=True)
class Notice:
    """A mail that is due. ``event`` distinguishes it from earlier ones of its kind; ``more``: values for its text."""

    kind: str
    event: str
    store: str
    title: str
    country: str
    to: str
    more: tuple[tuple[str, str], ...]

    @property
    def identity(self) -> str:
        """The name of its Lease, and the beginning of its Message-ID."""
        parts = "\0".join((self.store, self.kind, self.event))
        return f"notice-{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


def due(store: Object) -> Iterator[Notice]:
    """Return the notices that are due for a store's owner; empty if their address is unknown."""
    spec, status = store["spec"], store.get("status", {})
    to = owner_email(spec.get("adminEmail") or "", spec.get("owner") or "")
    if store["metadata"].get("deletionTimestamp") or not _ADDRESS.fullmatch(to):
        return
    shop, name = spec.get("shop") or {}, store["metadata"]["name"]

    def notice(kind: str, event: str, **more: str) -> Notice:
        return Notice(kind, event, name, shop.get("title") or name, shop.get("country") or "", to, tuple(more.items()))

    for condition in status.get("conditions", []):
        kind, said, since = condition["type"], condition["status"], condition.get("lastTransitionTime") or ""
        if kind == "UpgradeFailed" and said == "True":
            release = status.get("release") or {}
            rejected, running = release.get("rejected") or "", release.get("running") or ""
            yield notice("upgrade", f"{rejected} {since}", rejected=rejected, running=running)
        elif kind == "Expiring" and said == "True" and condition.get("reason") == "Expiring":
            closes = spec.get("expiresAt") or ""
            yield notice("expiry", closes, closes=closes, deletes=status.get("deletesAt") or "")
        elif kind == "BackupFailed" and said == "True":
            yield notice("backup", since)
        elif kind == "BackupMade" and said == "False" and condition.get("reason") == "JobFailed":
            yield notice("backup", (spec.get("backup") or {}).get("requestedAt") or since)


@dataclass(frozen=True)
class RelayClient:
    """The relay to send through. ``ca``: PEM certificate of the authority that signs the relay's certificate."""

    host: str
    port: int
    ca: str
    account: Account

    @contextmanager
    def client(self) -> Iterator[smtplib.SMTP]:
        """Yield a connection that is signed in.

        :raise Unreachable: the relay rejects it, or the connection breaks.
        """
        context = ssl.create_default_context(cadata=self.ca)
        try:
            with smtplib.SMTP_SSL(self.host, self.port, "controllers", timeout=ANSWER_SECONDS, context=context) as made:
                made.login(self.account.username, self.account.password)
                yield made
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(f"the mail relay is unavailable: {_words(error)}") from None


class Notices:
    """Send each due notice once.

    :param dashboard: the dashboard's address; "" if there is none.
    """

    name, seconds = "notices", 30.0

    def __init__(self, cache: Cache, leases: Leases, relay: RelayClient, dashboard: str) -> None:
        self.cache, self.leases, self.relay, self.dashboard = cache, leases, relay, dashboard
        self._sent: dict[str, Object] | None = None
        # When a rejected mail is sent again, and the pause before that.
        self._later: dict[str, tuple[float, float]] = {}

    def run(self) -> None:
        """Send the notices that are due and not sent yet."""
        if not self.cache.synced:
            return
        if self._sent is None:
            self._sent = {lease["metadata"]["name"]: lease for lease in self.leases.list(LABELS)}
        wanted = {each.identity: each for entry in self.cache.stores() for each in due(entry.store())}
        self._forget(wanted.keys())
        now = time.monotonic()
        waiting = [
            notice
            for identity, notice in wanted.items()
            if identity not in self._sent and self._later.get(identity, (0.0, 0.0))[0] <= now
        ]
        if waiting:
            with self.relay.client() as client:
                for notice in waiting[:AT_ONCE]:
                    self._send(client, notice, self._sent)

    def _send(self, client: smtplib.SMTP, notice: Notice, sent: dict[str, Object]) -> None:
        identity, sender = notice.identity, self.relay.account.sender
        mail = written(notice.kind, dict(notice.more), notice.title, notice.country, self._link(notice))
        mail["From"], mail["To"], mail["Date"] = sender, notice.to, datetime.now(UTC)
        mail["Message-ID"] = f"<{identity}@{sender.partition('@')[2]}>"
        try:
            client.sendmail(sender, [notice.to], mail.as_bytes())
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
            pause = min(2 * self._later.get(identity, (0.0, PAUSE_SECONDS / 2))[1], LONGEST_PAUSE_SECONDS)
            self._later[identity] = (time.monotonic() + pause, pause)
            log.error("a mail was not sent", store=notice.store, kind=notice.kind, error=_words(error))
            return
        self._later.pop(identity, None)
        # Another process may have sent it at the same time: the relay dropped the duplicate.
        annotations = {f"{GROUP}/notice-of": f"{notice.store} {notice.kind}"}
        sent[identity] = self.leases.create(identity, LABELS, annotations) or {}
        log.info("a mail was sent", store=notice.store, kind=notice.kind)

    def _link(self, notice: Notice) -> str:
        return f"{self.dashboard}/stores/{notice.store}/" if self.dashboard else ""

    def _forget(self, wanted: Iterable[str]) -> None:
        """Remove the records of notices that are no longer due."""
        sent, due_now = self._sent or {}, set(wanted)
        for identity, lease in list(sent.items()):
            made: Any = moment(lease.get("metadata", {}).get("creationTimestamp"))
            if identity not in due_now and made and datetime.now(UTC) - made > KEPT:
                self.leases.delete(lease)
                del sent[identity]


def _words(error: Exception) -> str:
    """Return a server's reply without the mail addresses in it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {words.decode('ascii', 'replace')}" for code, words in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        return f"{error.smtp_code} {words.decode('ascii', 'replace') if isinstance(words, bytes) else words}"
    return str(error) or type(error).__name__
