"""Who a bearer token belongs to: asked of the API server, or proven by an OIDC issuer's keys."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import requests
from cachetools import TLRUCache

from .callers import Identity
from .cluster import Cluster

FOREVER = float("inf")
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
TIMEOUT_SECONDS = 5
# How often a token with a key that is not known may make us ask the issuer for its keys again.
KEYS_SECONDS = 30
REMEMBERED = 10_000


class InvalidToken(Exception):
    """The token is nobody's; the message says why, and never holds any of it."""


class IssuerAway(Exception):
    """The issuer's keys can't be had, so none of its tokens can be checked now."""


class ReviewedTokens:
    """Tokens that the API server knows (service accounts, and whatever it is configured for)."""

    def __init__(self, cluster: Cluster, settings: Mapping[str, Any]) -> None:
        self.cluster, self.audiences = cluster, settings["audiences"]
        self.seconds: float = settings["cacheSeconds"]
        self._reviewed: TLRUCache[bytes, Identity] = TLRUCache(REMEMBERED, ttu=self._until, timer=time.time)
        self._lock = threading.Lock()

    def identify(self, token: str) -> Identity:
        """:raise InvalidToken: the API server knows nobody by it."""
        # Kept by its hash: what is in memory can't be used as a token.
        key = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._reviewed.get(key)
        if known is not None:
            return known
        status = self.cluster.review(token, self.audiences)
        if not status.get("authenticated"):
            raise InvalidToken("the cluster knows nobody by this token: it is wrong, or has ended")
        if self.audiences and not set(self.audiences) & set(status.get("audiences", [])):
            raise InvalidToken("this token is for another service")
        user = status["user"]
        identity = Identity(user["username"], frozenset(user.get("groups", [])), _end(token))
        with self._lock:
            self._reviewed[key] = identity
        return identity

    def _until(self, _key: bytes, identity: Identity, now: float) -> float:
        return min(now + self.seconds, identity.expires)


class IssuedTokens:
    """Tokens of one OIDC issuer. Its keys are asked for when the first one comes."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings, self.issuer = settings, settings["issuer"].rstrip("/")
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._asked = -FOREVER

    def issued(self, token: str) -> bool:
        """Whether a token says that it is this issuer's."""
        return bool(self.issuer) and str(_claims(token).get("iss", "")).rstrip("/") == self.issuer

    def identify(self, token: str) -> Identity:
        """:raise InvalidToken: the token does not hold. :raise IssuerAway: its issuer can't be asked."""
        try:
            header = jwt.get_unverified_header(token)
            key = self._key(str(header.get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.settings["audience"],
                issuer=[self.issuer, self.issuer + "/"],
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(f"the issuer's token does not hold: {error}") from None
        name = claims.get(self.settings["usernameClaim"])
        groups = claims.get(self.settings["groupsClaim"], [])
        if not isinstance(name, str) or not name:
            raise InvalidToken(f'the issuer\'s token must name its user in "{self.settings["usernameClaim"]}"')
        named = {self.settings["groupsPrefix"] + group for group in groups if isinstance(group, str)}
        return Identity(
            self.settings["usernamePrefix"] + name,
            frozenset(named | set(self.settings["groups"])),
            float(claims["exp"]),
        )

    def _key(self, kid: str) -> Any:
        with self._lock:
            if kid not in self._keys and time.monotonic() - self._asked > KEYS_SECONDS:
                self._keys = {key.key_id or "": key for key in self._read_keys().keys}
                self._asked = time.monotonic()
            if kid not in self._keys:
                raise InvalidToken("the issuer's token is signed with a key that is not among the issuer's")
            return self._keys[kid]

    def _read_keys(self) -> jwt.PyJWKSet:
        try:
            found = _json(f"{self.issuer}/.well-known/openid-configuration")
            return jwt.PyJWKSet.from_dict(_json(found["jwks_uri"]))
        except (requests.RequestException, KeyError, ValueError, jwt.PyJWTError) as error:
            raise IssuerAway(f"the issuer's keys can't be had: {type(error).__name__}") from error


class Tokens:
    """Both kinds."""

    def __init__(self, cluster: Cluster, settings: Mapping[str, Any]) -> None:
        self.reviewed, self.issued = ReviewedTokens(cluster, settings["tokenReview"]), IssuedTokens(settings["oidc"])

    def identify(self, token: str) -> Identity:
        """Whose token it is.

        :raise InvalidToken: nobody's. :raise IssuerAway, Unreachable: it can't be checked now.
        """
        kind: Callable[[str], Identity] = self.issued.identify if self.issued.issued(token) else self.reviewed.identify
        return kind(token)


def _json(url: str) -> dict[str, Any]:
    answer = requests.get(url, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return dict(answer.json())


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says, unproven; nothing where it is none."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_aud": False}))
    except jwt.PyJWTError:
        return {}


def _end(token: str) -> float:
    end = _claims(token).get("exp")
    return float(end) if isinstance(end, int | float) else FOREVER
