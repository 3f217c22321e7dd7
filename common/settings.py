"""Load an installation's settings file: what differs between installations, and what each plan provides."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from .configuration import read_yaml

DNS_NAME = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z"
# A domain that mails are sent from, or "".
SENDER_DOMAIN = r"^(([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?)?\Z"
# A DNS server's IP address, and its port if it is not 53.
RESOLVER = r"[0-9a-fA-F.:]+(#[0-9]{1,5})?\Z"


class Quantity(fields.String):
    """A Kubernetes quantity in canonical form.

    Any other form would be rewritten by the API server and make each sync a write.
    """

    CANONICAL = re.compile(r"0\Z|([1-9][0-9]*)(m|k|Ki|Mi|Gi|Ti)?\Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        match = self.CANONICAL.match(text)
        steps = {None: 1000, "m": 1000, "k": 1000, "Ki": 1024, "Mi": 1024, "Gi": 1024}
        step = steps.get(match[2]) if match and match[1] else None
        if not match or (step and int(match[1]) % step == 0):
            raise ValidationError('must be a quantity as Kubernetes writes it back, such as "250m", "1" or "2Gi"')
        return text


def _quantities() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=Quantity(), required=True)


class _Resources(Schema):
    requests = _quantities()
    limits = _quantities()


def _gibibytes() -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(1, 9999))


class _Storage(Schema):
    backups = _gibibytes()
    database = _gibibytes()
    uploads = _gibibytes()


class _Plan(Schema):
    title = fields.String(required=True)
    replicas = fields.Integer(required=True, strict=True, validate=validate.Range(1, 20))
    storage = fields.Nested(_Storage, required=True)
    resources = fields.Dict(keys=fields.String(), values=fields.Nested(_Resources), required=True)
    quota = _quantities()


class _Ingress(Schema):
    className = fields.String(required=True)
    namespace = fields.String(required=True, validate=validate.Regexp(DNS_NAME))
    tlsIssuer = fields.String(required=True)


class _Hostnames(Schema):
    verification = fields.String(required=True, validate=validate.OneOf(["dns", "none"]))
    resolvers = fields.List(fields.String(validate=validate.Regexp(RESOLVER)), required=True)


class _Images(Schema):
    prefix = fields.String(required=True)
    pullPolicy = fields.String(required=True, validate=validate.OneOf(["Always", "IfNotPresent", "Never"]))


class _Volumes(Schema):
    className = fields.String(required=True)
    expandable = fields.Boolean(required=True, truthy={True}, falsy={False})


class _ObjectStore(Schema):
    endpoint = fields.String(required=True)
    bucket = fields.String(required=True)
    region = fields.String(required=True)


class _Backup(Schema):
    s3 = fields.Nested(_ObjectStore, required=True)


class _Expiry(Schema):
    warningHours = fields.Float(required=True, validate=validate.Range(min=0))
    graceHours = fields.Float(required=True, validate=validate.Range(min=0))


def _ranges(within: str) -> fields.List[Any]:
    """Return a validator for IP ranges: each in canonical form, and inside ``within``."""
    whole = ipaddress.ip_network(within)

    def check(text: str) -> None:
        try:
            found = ipaddress.ip_network(text)
        except ValueError as error:
            raise ValidationError(f'must be a range such as "10.0.0.0/8": {error}') from error
        part = found.version == whole.version and found != whole and found.subnet_of(whole)  # type: ignore[arg-type]
        if not part or str(found) != text:
            raise ValidationError(
                f"must be a part of {within}, and written as {found}: other addresses can't be reached anyway"
            )

    return fields.List(fields.String(validate=check), required=True)


class _Egress(Schema):
    ipv4 = _ranges("0.0.0.0/0")
    ipv6 = _ranges("2000::/3")


class _Mail(Schema):
    senderDomain = fields.String(required=True, validate=validate.Regexp(SENDER_DOMAIN))
    mailsPerHour = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100_000))


class _Resync(Schema):
    settled = fields.Float(required=True, validate=validate.Range(min=0.1))
    changing = fields.Float(required=True, validate=validate.Range(min=0.1))


class _Settings(Schema):
    domain = fields.String(required=True, validate=validate.Regexp(DNS_NAME))
    platformNamespace = fields.String(required=True, validate=validate.Regexp(DNS_NAME))
    hostnames = fields.Nested(_Hostnames, required=True)
    ingress = fields.Nested(_Ingress, required=True)
    storage = fields.Nested(_Volumes, required=True)
    images = fields.Nested(_Images, required=True)
    progressDeadlineSeconds = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    upgradeDeadlineSeconds = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    backup = fields.Nested(_Backup, required=True)
    egress = fields.Nested(_Egress, required=True)
    expiry = fields.Nested(_Expiry, required=True)
    mail = fields.Nested(_Mail, required=True)
    resyncSeconds = fields.Nested(_Resync, required=True)
    retiredVersions = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    plans = fields.Dict(
        keys=fields.String(validate=validate.Regexp(DNS_NAME)),
        values=fields.Nested(_Plan),
        required=True,
        validate=validate.Length(min=1),
    )


def load_values(settings_file: Path) -> Mapping[str, Any]:
    """Return the settings file's values.

    :raise ConfigurationError: the file is invalid; the message says what is wrong.
    """
    return read_yaml(settings_file, "settings file", _Settings())
