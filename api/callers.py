"""The callers of the API, and the roles that their groups give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from storeplatform.common.objects import GROUP

# Annotations of a Store: the caller for whom the intent API acts, and whether that caller is an admin. Only the API's
# account may set them.
REQUESTED_BY = f"{GROUP}/requested-by"
REQUESTED_AS = f"{GROUP}/requested-as"


class Role(StrEnum):
    """The roles, in order of precedence: a caller has the first one that their groups grant."""

    ADMIN = "admin"
    SUPPORT = "support"
    OWNER = "owner"


class Access(StrEnum):
    """Who may use an operation, and on which stores."""

    PUBLIC = "public"  # everyone, without a token
    ANYBODY = "anybody"  # every role
    READ = "read"  # owners: their own stores; support and admins: all stores
    CHANGE = "change"  # owners: their own stores; admins: all stores
    ADMIN = "admin"  # admins only


ALLOWED: Mapping[Access, frozenset[Role]] = {
    Access.ANYBODY: frozenset(Role),
    Access.READ: frozenset(Role),
    Access.CHANGE: frozenset({Role.OWNER, Role.ADMIN}),
    Access.ADMIN: frozenset({Role.ADMIN}),
}


@dataclass(frozen=True)
class Identity:
    """A user name and its groups, as proven by a token until ``expires`` (Unix time; infinite if it never expires)."""

    name: str
    groups: frozenset[str]
    expires: float


@dataclass(frozen=True)
class Caller:
    """A caller and their role."""

    name: str
    role: Role
    expires: float = float("inf")

    def sees(self, owner: str) -> bool:
        """Whether the caller may see the stores of that owner."""
        return self.role is not Role.OWNER or owner == self.name


def role_of(identity: Identity, roles: Mapping[str, Any]) -> Role | None:
    """Return the role that the settings' ``roles`` grant; None if no group matches."""
    return next((role for role in Role if identity.groups & set(roles[role])), None)
