"""What the claims of an OIDC issuer's token make of it: the same as kube-apiserver makes of them.

The rules are those of kube-apiserver's OIDC authenticator (k8s.io/apiserver/plugin/pkg/authenticator/token/oidc) and of
the library it checks tokens with (github.com/coreos/go-oidc, verify.go and jwks.go):

- ``iss`` is the configured issuer, character for character, and so is the issuer that the discovery document names.
- ``aud`` is a string or a list of strings, and the audience is among them.
- ``exp`` is a number, and not before now: an expired token has no leeway. ``nbf`` may be up to five minutes in the
  future. ``iat`` must be a number, and is not compared with the clock: an issuer's may be ahead of ours.
- ``sub``, ``nonce`` and ``at_hash`` are strings. null is as good as left out.
- The user name's claim is a string. If it is ``email``, and ``email_verified`` is present, that must be true itself.
- The groups' claim is a list of strings or one string; without it, there are none. Anything else is no token.
- A token without a key id is tried with every key of the issuer's (``tokens.Keys``).

Ours beyond those: a user name is not empty, and no name that the issuer gives is one of the cluster's own
("system:...") unless the settings' prefix makes it so; claims in another place (``_claim_names``) are not asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import jwt

LEEWAY_SECONDS = 300.0
# Half of a character, which JSON can hold and no text can.
SURROGATE = re.compile("[\ud800-\udfff]")
CLUSTERS_OWN = "system:"


class InvalidToken(Exception):
    """The token is invalid; the message says why and contains nothing of the token."""


def unproven(token: str) -> dict[str, Any]:
    """The claims of a JWT, without a check of its signature; empty if it is no JWT."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}


def check(claims: Mapping[str, Any], issuer: str, audience: str, now: float) -> None:
    """Look at the claims that every token has. :raise InvalidToken: one is not as it must be."""
    for claim in ("iss", "sub", "nonce", "at_hash"):
        if not isinstance(claims.get(claim), str | None):
            raise InvalidToken(f'"{claim}" of the issuer\'s token must be a string')
    if claims.get("iss") != issuer:
        raise InvalidToken("the issuer's token must be of the issuer that the settings name")
    if audience not in strings_of(claims, "aud"):
        raise InvalidToken("the issuer's token is for another service: its audience is not the one in the settings")
    times = {claim: time_of(claims, claim) for claim in ("exp", "nbf", "iat")}
    if times["exp"] is None or times["exp"] < now:
        raise InvalidToken("the issuer's token has expired")
    if times["nbf"] is not None and times["nbf"] > now + LEEWAY_SECONDS:
        raise InvalidToken("the issuer's token is not valid yet")


def strings_of(claims: Mapping[str, Any], claim: str) -> list[str]:
    """A claim that is a list of strings, one string, or left out. :raise InvalidToken: it is anything else."""
    value = claims.get(claim)
    found = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InvalidToken(f'"{claim}" of the issuer\'s token must be a list of strings')
    return found


def time_of(claims: Mapping[str, Any], claim: str) -> float | None:
    """A claim that is a Unix time; None where it is left out. :raise InvalidToken: it is anything else."""
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f'"{claim}" of the issuer\'s token must be a number')
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise InvalidToken(f'"{claim}" of the issuer\'s token must be a time')
    return seconds


def name_of(claims: Mapping[str, Any], claim: str, prefix: str) -> str:
    """The user's name. :raise InvalidToken: there is none, or it is not to be used."""
    name = claims.get(claim)
    if not isinstance(name, str) or not name:
        raise InvalidToken(f'the issuer\'s token must name its user in "{claim}", as a string')
    verified = claims.get("email_verified")
    if claim == "email" and verified is not None and verified is not True:
        raise InvalidToken("the email of the issuer's token must be verified: email_verified is not true")
    return _allowed(name, prefix)


def groups_of(claims: Mapping[str, Any], claim: str, prefix: str) -> set[str]:
    """The user's groups. :raise InvalidToken: they are no strings, or not to be used."""
    return {_allowed(group, prefix) for group in strings_of(claims, claim)}


def _allowed(name: str, prefix: str) -> str:
    if not prefix and name.startswith(CLUSTERS_OWN):
        raise InvalidToken(f"the issuer's token must not use a name of the cluster's own: \"{CLUSTERS_OWN}...\"")
    return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", prefix + name)
