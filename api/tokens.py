"""Authenticate bearer tokens: by the API server, or by an OIDC issuer's keys."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import jwt
import requests
from cachetools import TLRUCache

from storeplatform.common.timeouts import ISSUER

from .callers import Identity
from .claims import InvalidToken, check, groups_of, name_of, time_of, unproven
from .cluster import Cluster

__all__ = ["InvalidToken", "IssuedTokens", "IssuerUnavailable", "ReviewedTokens", "Tokens"]

FOREVER = math.inf
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# PyJWT checks only the signature: its rules for claims differ from kube-apiserver's.
SIGNATURE_ALONE: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
# In seconds: when keys in use are read again; when they are no longer trusted; how often a token with an unknown key
# may trigger a read; how soon to retry after a failure.
KEYS_FRESH_SECONDS = 300.0
KEYS_LAST_SECONDS = 3600.0
KEYS_SECONDS = 30.0
RETRY_SECONDS = 1.0
# An issuer's responses are small. Larger ones are rejected.
MOST_BYTES = 1024 * 1024
REMEMBERED = 10_000


class IssuerUnavailable(Exception):
    """The issuer's keys are unavailable, so its tokens can't be checked now."""


class ReviewedTokens:
    """Tokens that the API server authenticates (service accounts, and whatever it is configured for)."""

    def __init__(self, cluster: Cluster, settings: Mapping[str, Any]) -> None:
        self.cluster, self.audiences = cluster, settings["audiences"]
        self.seconds: float = settings["cacheSeconds"]
        self._reviewed: TLRUCache[bytes, Identity] = TLRUCache(REMEMBERED, ttu=self._until, timer=time.time)
        self._lock = threading.Lock()

    def identify(self, token: str) -> Identity:
        """Return the token's identity.

        :raise InvalidToken: the API server does not authenticate it.
        """
        if known := self.known(token):
            return known
        status = self.cluster.review(token, self.audiences)
        if not status.get("authenticated"):
            raise InvalidToken("the cluster does not accept this token: it is invalid or has expired")
        if self.audiences and not set(self.audiences) & set(status.get("audiences", [])):
            raise InvalidToken("this token is for another service")
        user = status["user"]
        identity = Identity(user["username"], frozenset(user.get("groups", [])), _end(token))
        with self._lock:
            self._reviewed[_digest(token)] = identity
        return identity

    def known(self, token: str) -> Identity | None:
        """Return the token's identity if it is cached; otherwise None."""
        with self._lock:
            return self._reviewed.get(_digest(token))

    def _until(self, _key: bytes, identity: Identity, now: float) -> float:
        return min(now + self.seconds, identity.expires)


class IssuedTokens:
    """Tokens of one OIDC issuer, configured by the settings' ``oidc``; ``claims`` documents the rules."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings, self.issuer = settings, settings["issuer"]
        self._keys = Keys(self.issuer)

    def issued(self, token: str) -> bool:
        """Whether a token claims to be from this issuer."""
        return bool(self.issuer) and unproven(token).get("iss") == self.issuer

    def identify(self, token: str) -> Identity:
        """Return the token's identity.

        :raise InvalidToken: it is invalid.
        :raise IssuerUnavailable: its issuer is unavailable.
        """
        claims, settings = self._proven(token), self.settings
        check(claims, self.issuer, settings["audience"], time.time())
        groups = groups_of(claims, settings["groupsClaim"], settings["groupsPrefix"])
        return Identity(
            name_of(claims, settings["usernameClaim"], settings["usernamePrefix"]),
            frozenset(groups | set(settings["groups"])),
            float(claims["exp"]),
        )

    def _proven(self, token: str) -> dict[str, Any]:
        """Return the claims, with their signature verified."""
        try:
            keys = self._keys.named(jwt.get_unverified_header(token).get("kid"))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidToken(f"the issuer's token is malformed: {type(error).__name__}") from None
        failure = "the issuer's token is signed with a key that is not among the issuer's"
        for key in keys:
            try:
                return dict(jwt.decode(token, key, algorithms=ALGORITHMS, options=SIGNATURE_ALONE))
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
                failure = f"the issuer's token is invalid: {error}"
        raise InvalidToken(failure)


class Keys:
    """An issuer's keys. One thread reads them; callers that need them wait for it, without holding a lock.

    Keys in use are refreshed in the background: a key that the issuer has withdrawn is trusted for
    ``KEYS_FRESH_SECONDS`` more, or for ``KEYS_LAST_SECONDS`` if the issuer is unreachable.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: list[jwt.PyJWK] = []
        self._read_at = self._asked_at = -math.inf
        self._reading: Future[None] | None = None
        self._failure: IssuerUnavailable | None = None
        self._lock = threading.Lock()

    def named(self, kid: str | None) -> list[jwt.PyJWK]:
        """Return the keys that a token may be signed with.

        :raise IssuerUnavailable: they are unavailable.
        """
        now = time.monotonic()
        found = self._named(kid)
        ended = now - self._read_at > KEYS_LAST_SECONDS
        if ended and self._failure and now - self._asked_at < RETRY_SECONDS:
            raise self._failure
        if ended or (not found and (self._reading or now - self._asked_at > KEYS_SECONDS)):
            self._await(self._read())
            return self._named(kid)
        if now - self._read_at > KEYS_FRESH_SECONDS and now - self._asked_at > KEYS_SECONDS:
            self._read()
        return found

    def _named(self, kid: str | None) -> list[jwt.PyJWK]:
        return [key for key in self._keys if not kid or key.key_id == kid]

    def _read(self) -> Future[None]:
        """Return the read in progress; start one if there is none."""
        with self._lock:
            if self._reading is None:
                self._reading, self._asked_at = Future(), time.monotonic()
                threading.Thread(target=self._run, args=(self._reading,), name="issuer", daemon=True).start()
            return self._reading

    def _run(self, reading: Future[None]) -> None:
        try:
            self._keys, self._read_at, self._failure = self._read_keys(), time.monotonic(), None
        except (requests.RequestException, KeyError, TypeError, ValueError, RecursionError, jwt.PyJWTError) as error:
            self._failure = IssuerUnavailable(f"the issuer's keys are unavailable: {type(error).__name__}")
        with self._lock:
            self._reading = None
        if self._failure:
            reading.set_exception(self._failure)
        else:
            reading.set_result(None)

    @staticmethod
    def _await(reading: Future[None]) -> None:
        try:
            reading.result(ISSUER)
        except TimeoutError:
            raise IssuerUnavailable("the issuer does not answer") from None

    def _read_keys(self) -> list[jwt.PyJWK]:
        found = _json(f"{self._issuer.removesuffix('/')}/.well-known/openid-configuration")
        if found["issuer"] != self._issuer:
            raise ValueError("the discovery document is another issuer's")
        return [key for key in jwt.PyJWKSet.from_dict(_json(found["jwks_uri"])).keys if _signs(key)]


def _signs(key: jwt.PyJWK) -> bool:
    return key.public_key_use in (None, "sig") and key.key_type != "oct"


def _json(url: str) -> dict[str, Any]:
    """Return the JSON object at that address.

    :raise requests.RequestException, ValueError: it is not a JSON object, or too slow.
    """
    end, body = time.monotonic() + ISSUER, b""
    with requests.get(url, timeout=ISSUER, stream=True) as answer:
        answer.raise_for_status()
        for piece in answer.iter_content(64 * 1024):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > end:
                raise requests.Timeout("the issuer sends too much, or too slowly")
    return dict(json.loads(body))


class Tokens:
    """Tokens of both kinds."""

    def __init__(self, cluster: Cluster, settings: Mapping[str, Any]) -> None:
        self.reviewed, self.issued = ReviewedTokens(cluster, settings["tokenReview"]), IssuedTokens(settings["oidc"])

    def identify(self, token: str) -> Identity:
        """Return the token's identity.

        :raise InvalidToken: it is invalid.
        :raise IssuerUnavailable, Unreachable: it can't be checked now.
        """
        return self.issued.identify(token) if self.issued.issued(token) else self.reviewed.identify(token)

    def costs(self, token: str) -> bool:
        """Whether checking it needs a call to the API server. An issuer's keys are already here."""
        return not self.issued.issued(token)

    def known(self, token: str) -> Identity | None:
        """Return the token's identity if a recent review is cached; otherwise None."""
        return self.reviewed.known(token)


def _digest(token: str) -> bytes:
    """Return a hash under which the token is cached, so that a memory dump contains no usable token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _end(token: str) -> float:
    """Return when a token that the cluster accepts expires."""
    try:
        end = time_of(unproven(token), "exp")
    except InvalidToken:  # its exp is invalid, and the cluster would ignore it as well
        end = None
    return FOREVER if end is None else end
