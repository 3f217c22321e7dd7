"""Interpret the claims of an OIDC issuer's token exactly as kube-apiserver does.

The rules come from kube-apiserver's OIDC authenticator (k8s.io/apiserver/plugin/pkg/authenticator/token/oidc) and the
library with which it checks tokens (github.com/coreos/go-oidc, verify.go and jwks.go):

- ``iss`` equals the configured issuer, character for character, and so does the issuer in the discovery document.
- ``aud`` is a string or a list of strings, and contains the audience.
- ``exp`` is a number and not in the past: there is no leeway. ``nbf`` may be up to five minutes in the future. ``iat``
  must be a number, but is not compared with the clock, because the issuer's clock may be ahead.
- ``sub``, ``nonce`` and ``at_hash`` are strings. null counts as omitted.
- The user name's claim is a string. If it is ``email`` and ``email_verified`` is present, that must be true.
- The groups' claim is a list of strings or one string; if it is omitted, there are no groups. Anything else is invalid.
- A token without a key id is tried with each of the issuer's keys (``tokens.Keys``).

Additional rules of ours: a user name is not empty; names from the issuer must not be names of the cluster
("system:...") unless the settings' prefix makes them so; claims at another location (``_claim_names``) are not fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import jwt

LEEWAY_SECONDS = 300.0
# A lone surrogate, which JSON can contain and UTF-8 can't.
SURROGATE = re.compile("[\ud800-\udfff]")
CLUSTERS_OWN = "system:"


class InvalidToken(Exception):
    """The token is invalid; the message says why, and contains nothing of the token."""


def unproven(token: str) -> dict[str, Any]:
    """Return the claims of a JWT without checking its signature; empty if it is not a JWT."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}


def check(claims: Mapping[str, Any], issuer: str, audience: str, now: float) -> None:
    """Check the claims that every token has.

    :raise InvalidToken: one is invalid.
    """
    for claim in ("iss", "sub", "nonce", "at_hash"):
        if not isinstance(claims.get(claim), str | None):
            raise InvalidToken(f'"{claim}" of the issuer\'s token must be a string')
    if claims.get("iss") != issuer:
        raise InvalidToken("the token's issuer must be the one in the settings")
    if audience not in strings_of(claims, "aud"):
        raise InvalidToken("the issuer's token is for another service: its audience is not the one in the settings")
    times = {claim: time_of(claims, claim) for claim in ("exp", "nbf", "iat")}
    if times["exp"] is None or times["exp"] < now:
        raise InvalidToken("the issuer's token has expired")
    if times["nbf"] is not None and times["nbf"] > now + LEEWAY_SECONDS:
        raise InvalidToken("the issuer's token is not valid yet")


def strings_of(claims: Mapping[str, Any], claim: str) -> list[str]:
    """Return a claim that is a list of strings, one string, or omitted.

    :raise InvalidToken: it is anything else.
    """
    value = claims.get(claim)
    found = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InvalidToken(f'"{claim}" of the issuer\'s token must be a list of strings')
    return found


def time_of(claims: Mapping[str, Any], claim: str) -> float | None:
    """Return a claim that is a Unix time; None if it is omitted.

    :raise InvalidToken: it is anything else.
    """
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
    """Return the user's name.

    :raise InvalidToken: it is missing, or not allowed.
    """
    name = claims.get(claim)
    if not isinstance(name, str) or not name:
        raise InvalidToken(f'the issuer\'s token must name its user in "{claim}", as a string')
    verified = claims.get("email_verified")
    if claim == "email" and verified is not None and verified is not True:
        raise InvalidToken("the email of the issuer's token must be verified: email_verified is not true")
    return _allowed(name, prefix)


def groups_of(claims: Mapping[str, Any], claim: str, prefix: str) -> set[str]:
    """Return the user's groups.

    :raise InvalidToken: they are not strings, or not allowed.
    """
    return {_allowed(group, prefix) for group in strings_of(claims, claim)}


def _allowed(name: str, prefix: str) -> str:
    if not prefix and name.startswith(CLUSTERS_OWN):
        raise InvalidToken(f"the issuer's token must not use a name of the cluster's own: \"{CLUSTERS_OWN}...\"")
    return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", prefix + name)
