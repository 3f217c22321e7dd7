"""Whose a token is: the API server's word is believed for seconds, an issuer's is proven by its keys."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from storeplatform.api import tokens
from storeplatform.api.tokens import InvalidToken, IssuedTokens, IssuerAway, ReviewedTokens, Tokens
from tests.cluster.controlplane import ControlPlane

from .issuer import Issuer, new_key
from .server import Api, Caller

REVIEW = {"cacheSeconds": 60, "audiences": []}


class ReviewingCluster:
    """Knows one user by any token but "wrong"."""

    def __init__(self, **status: Any) -> None:
        self.asked = 0
        self.status = {"authenticated": True, "user": {"username": "ann", "groups": ["g"]}, **status}

    def review(self, token: str, audiences: list[str]) -> dict[str, Any]:
        self.asked += 1
        return {} if token == "wrong" else self.status


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


def reviewed(cluster: ReviewingCluster, **settings: Any) -> ReviewedTokens:
    return ReviewedTokens(cluster, {**REVIEW, **settings})  # type: ignore[arg-type]


def lasting(seconds: float) -> str:
    return jwt.encode({"exp": time.time() + seconds}, "k" * 32, algorithm="HS256")


def test_a_reviewed_token_is_believed_for_a_while_without_asking_again() -> None:
    cluster = ReviewingCluster()
    reviews = reviewed(cluster)
    assert {reviews.identify("token").name for _ in range(5)} == {"ann"}
    assert cluster.asked == 1


def test_a_token_is_not_believed_past_its_own_end() -> None:
    cluster = ReviewingCluster()
    reviews = reviewed(cluster)
    ended = lasting(-1)
    reviews.identify(ended), reviews.identify(ended)
    assert cluster.asked == 2


def test_a_refused_token_is_asked_about_each_time() -> None:
    cluster = ReviewingCluster()
    reviews = reviewed(cluster)
    for _ in range(2):
        with pytest.raises(InvalidToken, match="knows nobody"):
            reviews.identify("wrong")
    assert cluster.asked == 2


def test_a_token_for_another_service_is_refused() -> None:
    with pytest.raises(InvalidToken, match="another service"):
        reviewed(ReviewingCluster(audiences=["other"]), audiences=["store-platform"]).identify("token")


def test_an_issuers_token_gives_its_users_name_and_prefixed_groups(issuer: Issuer) -> None:
    identity = IssuedTokens(issuer.settings()).identify(issuer.token("olga", groups=["admins", "system:masters"]))
    assert identity.name == "olga"
    assert identity.groups == {"oidc:admins", "oidc:system:masters", "shop-owners"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"sub": 5},
        {"nbf": 4_000_000_000},
    ],
)
def test_an_issuers_token_that_does_not_hold_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        IssuedTokens(issuer.settings()).identify(issuer.token(**claims))


def test_a_token_signed_by_somebody_else_is_refused(issuer: Issuer) -> None:
    with pytest.raises(InvalidToken, match="Signature"):
        IssuedTokens(issuer.settings()).identify(issuer.token(signed_with=new_key()))


def test_a_token_without_a_signature_is_refused(issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    parts = [{"alg": "none", "kid": "first"}, claims]
    unsigned = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    with pytest.raises(InvalidToken):
        IssuedTokens(issuer.settings()).identify(unsigned + ".")


def test_new_keys_are_read_when_a_token_needs_them_but_not_for_every_unknown_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = IssuedTokens(issuer.settings())
    issued.identify(issuer.token())
    stranger = new_key()
    for _ in range(5):
        with pytest.raises(InvalidToken, match="not among"):
            issued.identify(issuer.token(key="unknown", signed_with=stranger))
    assert issuer.asked == 1
    issuer.keys["second"] = new_key()
    monkeypatch.setattr(tokens, "KEYS_SECONDS", 0)
    assert issued.identify(issuer.token(key="second")).name == "olga"


def test_a_token_of_another_issuer_is_asked_of_the_cluster(issuer: Issuer) -> None:
    cluster = ReviewingCluster()
    both = Tokens(cluster, {"tokenReview": REVIEW, "oidc": issuer.settings()})  # type: ignore[arg-type]
    assert both.identify(issuer.token(iss="https://elsewhere.example.com")).name == "ann"
    assert both.identify(issuer.token()).name == "olga"
    assert cluster.asked == 1


def test_an_issuer_that_is_away_can_not_be_asked() -> None:
    with Issuer() as issuer:
        token = issuer.token()
    with pytest.raises(IssuerAway):
        IssuedTokens(issuer.settings()).identify(token)


def test_an_issuers_user_uses_the_api_and_an_issuer_that_is_away_is_a_503(plane: ControlPlane) -> None:
    with Issuer() as issuer, Api(plane, settings={"oidc": issuer.settings()}) as api:
        olga = Caller(api.url, issuer.token("olga"))
        assert olga.get("/me") == {"name": "olga", "role": "owner"}
        assert Caller(api.url, issuer.token(exp=1)).__call__("GET", "/me").status_code == 401
    with Issuer() as gone:
        token = gone.token()
    with Api(plane, settings={"oidc": gone.settings()}) as api:
        answer = Caller(api.url, token)("GET", "/me")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YW5uOmFubg==", "Bearer wrong"])
def test_who_sends_no_token_that_is_known_is_told_how(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(f"{api.url}/api/v1/me", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:store-platform:unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="store-platform"'


def test_no_token_is_in_the_log(api: Api, ann: Caller) -> None:
    ann.get("/me")
    Caller(api.url, "a-secret-that-is-wrong")("GET", "/me")
    token = str(ann.session.headers["Authorization"]).split()[1]
    log = api.processes[0].log.read_text()
    assert token not in log
    assert "a-secret-that-is-wrong" not in log
