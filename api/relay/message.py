"""Check that a mail may be forwarded: it is one well-formed mail, and its sender is the store's own address."""

from __future__ import annotations

import re
from email.utils import formatdate

from .limits import FIELD_BYTES, HEADER_BYTES

# A line that ends otherwise is the end of a mail to some servers but not to others (SMTP smuggling).
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_NAME = r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"[ \t]*|[^"<>@,;:\\()\x00-\x08\x0a-\x1f\x7f]*)'
_MESSAGE_ID = re.compile(rb"\s*(<[!-;=?-~]{3,500}>)\s*")


class Unacceptable(Exception):
    """A mail that is permanently refused. The message is for the sender."""


def check(content: bytes, sender: str) -> str:
    """Return the mail's Message-ID; "" if it has none.

    :param sender: the only allowed sender address.
    :raise Unacceptable: it is not a valid mail, or has another sender.
    """
    if _BARE.search(content):
        raise Unacceptable("every line must end in CR LF, and no other CR, LF or NUL may be in a mail")
    fields = _fields(content)
    authors = fields.get(b"from", [])
    if len(authors) != 1 or not _is(authors[0], sender):
        raise Unacceptable(f"the mail must have one From field, with only the address {sender}")
    if not all(_is(each, sender) for each in fields.get(b"sender", [])):
        raise Unacceptable(f"the mail's Sender field must be left out, or be {sender}")
    if any(name.startswith(b"resent-") for name in fields):
        raise Unacceptable("the mail must have no Resent- fields")
    (found,) = fields.get(b"message-id", [b""])[:1]
    match = _MESSAGE_ID.fullmatch(found)
    return match[1].decode() if match else ""


def traced(content: bytes, domain: str, store: str, identity: str) -> bytes:
    """Return the mail with an added field that names its store, for the operators of the sender domain."""
    field = f"Received: by {domain} (store {store}) with ESMTPSA id {identity};\r\n {formatdate()}\r\n"
    return field.encode() + content


def _fields(content: bytes) -> dict[bytes, list[bytes]]:
    """Return the header's fields, unfolded, with their names in lowercase."""
    head, found, _ = content.partition(b"\r\n\r\n")
    if not found and not content.endswith(b"\r\n"):
        raise Unacceptable("the mail must have a header")
    if len(head) > HEADER_BYTES:
        raise Unacceptable(f"the mail's header may have at most {HEADER_BYTES} bytes")
    fields: dict[bytes, list[bytes]] = {}
    for line in re.sub(rb"\r\n(?=[ \t])", b"", head.removesuffix(b"\r\n")).split(b"\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Unacceptable("each line of the mail's header must be a field or continue one")
        fields.setdefault(field[1].lower(), []).append(field[2])
    return fields


def _is(value: bytes, sender: str) -> bool:
    """Whether a field's value is only that address, with or without a name."""
    address = re.escape(sender)
    if len(value) > FIELD_BYTES:
        return False
    text = value.decode("utf-8", "replace").strip()
    return bool(re.fullmatch(rf"(?:{address}|{_NAME}<{address}>)", text, re.IGNORECASE))
