"""Authentication: reviews by the API server are cached for seconds, and an issuer's tokens are verified by its keys."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import requests

from storeplatform.api import tokens
from storeplatform.api.tokens import InvalidToken, IssuedTokens, IssuerUnavailable, ReviewedTokens, Tokens
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .issuer import Issuer, new_key
from .server import Api, ApiClient

REVIEW = {"cacheSeconds": 60, "audiences": []}


class ReviewingCluster:
    """Authenticates any token except "wrong" as one user."""

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


def test_a_reviewed_token_is_cached() -> None:
    cluster = ReviewingCluster()
    reviews = reviewed(cluster)
    assert {reviews.identify("token").name for _ in range(5)} == {"ann"}
    assert cluster.asked == 1


def test_a_cached_token_is_not_accepted_after_its_expiry() -> None:
    cluster = ReviewingCluster()
    reviews = reviewed(cluster)
    ended = lasting(-1)
    reviews.identify(ended), reviews.identify(ended)
    assert cluster.asked == 2


def test_a_rejected_token_is_reviewed_each_time() -> None:
    cluster = ReviewingCluster()
    reviews = reviewed(cluster)
    for _ in range(2):
        with pytest.raises(InvalidToken, match="does not accept"):
            reviews.identify("wrong")
    assert cluster.asked == 2


def test_a_token_for_another_service_is_rejected() -> None:
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
def test_an_invalid_token_of_the_issuer_is_rejected(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        IssuedTokens(issuer.settings()).identify(issuer.token(**claims))


JSON = [None, True, False, 0, -1, 1.5, 10**400, "", "x", "\ud800", [], ["x"], [1], [None], [["x"]], {}, {"x": 1}]
CLAIMS = ["iss", "sub", "aud", "exp", "nbf", "iat", "nonce", "at_hash", "jti", "groups", "email", "email_verified"]
NAN = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize("claim", [*CLAIMS, "name", "_claim_names"])
@pytest.mark.parametrize("username", ["sub", "email"])
def test_a_claim_of_any_json_type_makes_a_caller_or_an_invalid_token(issuer: Issuer, claim: str, username: str) -> None:
    issued = IssuedTokens({**issuer.settings(), "usernameClaim": username})
    for value in [*JSON, *NAN]:
        claims = {"email": "olga@example.com", "sub": "olga", **({} if value is None else {claim: value})}
        try:
            identity = issued.identify(issuer.token(**claims))
        except InvalidToken:
            continue
        assert identity.name.encode()
        assert isinstance(identity.expires, float)
        assert all(each.encode() for each in identity.groups)


@pytest.mark.parametrize(
    ("claims", "holds"),
    [
        ({}, True),
        ({"email_verified": True}, True),
        ({"email_verified": None}, True),
        *(({"email_verified": value}, False) for value in (False, "true", "false", 1, 0, [], {}, [True])),
    ],
)
def test_an_email_is_a_name_only_if_it_is_not_marked_as_unverified(
    issuer: Issuer, claims: dict[str, Any], holds: bool
) -> None:
    issued = IssuedTokens({**issuer.settings(), "usernameClaim": "email"})
    token = issuer.token(email="olga@example.com", **claims)
    if holds:
        assert issued.identify(token).name == "olga@example.com"
    else:
        with pytest.raises(InvalidToken, match="email_verified"):
            issued.identify(token)


def test_an_unverified_email_is_ignored_if_another_claim_is_the_name(issuer: Issuer) -> None:
    token = issuer.token("olga", email="x@example.com", email_verified=False)
    assert IssuedTokens(issuer.settings()).identify(token).name == "olga"


@pytest.mark.parametrize(
    ("groups", "found"),
    [(None, set()), ([], set()), ("admins", {"oidc:admins"}), (["a", "b"], {"oidc:a", "oidc:b"})],
)
def test_groups_are_a_list_one_name_or_omitted(issuer: Issuer, groups: Any, found: set[str]) -> None:
    identity = IssuedTokens(issuer.settings()).identify(issuer.token(groups=groups))
    assert identity.groups == found | {"shop-owners"}


@pytest.mark.parametrize("groups", [5, True, {"a": 1}, ["a", 5], [["a"]]])
def test_groups_of_any_other_type_are_invalid(issuer: Issuer, groups: Any) -> None:
    with pytest.raises(InvalidToken, match="groups"):
        IssuedTokens(issuer.settings()).identify(issuer.token(groups=groups))


def test_an_issuers_clock_may_be_ahead(issuer: Issuer) -> None:
    ahead = time.time() + 240
    token = issuer.token(iat=ahead, nbf=ahead, exp=ahead + 60)
    assert IssuedTokens(issuer.settings()).identify(token).name == "olga"


def test_an_expired_token_has_no_leeway(issuer: Issuer) -> None:
    with pytest.raises(InvalidToken, match="expired"):
        IssuedTokens(issuer.settings()).identify(issuer.token(exp=time.time() - 1))


def test_an_issuer_can_not_use_names_of_the_cluster(issuer: Issuer) -> None:
    account = "system:serviceaccount:store-platform:api"
    with pytest.raises(InvalidToken, match="system:"):
        IssuedTokens(issuer.settings()).identify(issuer.token(account))
    prefixed = IssuedTokens({**issuer.settings(), "usernamePrefix": "issuer#"})
    assert prefixed.identify(issuer.token(account)).name == f"issuer#{account}"


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("bytes_", [b"", b"{", b"[" * 5000, b"null", b'"x"', b'{"a":' * 2000, b"9" * 5000, b"\xff"])
def test_a_token_whose_parts_are_not_json_objects_is_invalid(issuer: Issuer, part: int, bytes_: bytes) -> None:
    parts = issuer.token().split(".")
    parts[part] = base64.urlsafe_b64encode(bytes_).decode().rstrip("=")
    cluster = ReviewingCluster(authenticated=False)
    both = Tokens(cluster, {"tokenReview": REVIEW, "oidc": issuer.settings()})  # type: ignore[arg-type]
    with pytest.raises(InvalidToken):
        both.identify(".".join(parts))


def test_a_token_without_a_key_id_is_tried_with_every_key(issuer: Issuer) -> None:
    issuer.keys["second"] = new_key()
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    token = jwt.encode(claims, issuer.keys["second"], algorithm="RS256")
    assert IssuedTokens(issuer.settings()).identify(token).name == "olga"


def test_a_withdrawn_key_is_no_longer_accepted(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    issued, token = IssuedTokens(issuer.settings()), issuer.token()
    issued.identify(token)
    issuer.keys = {"second": new_key()}
    monkeypatch.setattr(tokens, "KEYS_FRESH_SECONDS", 0)
    monkeypatch.setattr(tokens, "KEYS_SECONDS", 0)

    def refused() -> bool:
        try:
            issued.identify(token)
        except InvalidToken:
            return True
        return False

    wait_until(refused, "the withdrawn key is gone", 10)


def test_cached_keys_are_accepted_for_some_time_if_the_issuer_is_unavailable(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued, token = IssuedTokens(issuer.settings()), issuer.token()
    issued.identify(token)
    issuer.fails = True
    monkeypatch.setattr(tokens, "KEYS_FRESH_SECONDS", 0)
    monkeypatch.setattr(tokens, "KEYS_SECONDS", 0)
    assert issued.identify(token).name == "olga"
    monkeypatch.setattr(tokens, "KEYS_LAST_SECONDS", 0)
    with pytest.raises(IssuerUnavailable):
        issued.identify(token)


def test_a_discovery_document_of_another_issuer_is_rejected(issuer: Issuer) -> None:
    issuer.named = "https://elsewhere.example.com"
    with pytest.raises(IssuerUnavailable):
        IssuedTokens(issuer.settings()).identify(issuer.token())


def test_an_issuer_that_hangs_times_out_and_does_not_block_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "ISSUER", 0.3)
    with Issuer() as answering, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = {**answering.settings(), "issuer": url}
        cluster = ReviewingCluster()
        both = Tokens(cluster, {"tokenReview": REVIEW, "oidc": settings})  # type: ignore[arg-type]
        token = jwt.encode({"iss": url}, new_key(), algorithm="RS256", headers={"kid": "k"})

        def asked(_: int) -> str:
            try:
                return both.identify(token).name
            except IssuerUnavailable:
                return "unavailable"

        with ThreadPoolExecutor(30) as pool:
            waiting = [pool.submit(asked, number) for number in range(30)]
            assert both.identify("the cluster's").name == "ann"
            assert not any(each.done() for each in waiting)
            assert {each.result(10) for each in waiting} == {"unavailable"}


def test_a_token_signed_by_somebody_else_is_rejected(issuer: Issuer) -> None:
    with pytest.raises(InvalidToken, match="Signature"):
        IssuedTokens(issuer.settings()).identify(issuer.token(signed_with=new_key()))


def test_a_token_without_a_signature_is_rejected(issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    parts = [{"alg": "none", "kid": "first"}, claims]
    unsigned = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    with pytest.raises(InvalidToken):
        IssuedTokens(issuer.settings()).identify(unsigned + ".")


def test_new_keys_are_read_when_a_token_needs_them_at_a_limited_rate(
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


def test_a_token_of_another_issuer_is_reviewed_by_the_cluster(issuer: Issuer) -> None:
    cluster = ReviewingCluster()
    both = Tokens(cluster, {"tokenReview": REVIEW, "oidc": issuer.settings()})  # type: ignore[arg-type]
    assert both.identify(issuer.token(iss="https://elsewhere.example.com")).name == "ann"
    assert both.identify(issuer.token()).name == "olga"
    assert cluster.asked == 1


def test_an_unavailable_issuer_is_reported() -> None:
    with Issuer() as issuer:
        token = issuer.token()
    with pytest.raises(IssuerUnavailable):
        IssuedTokens(issuer.settings()).identify(token)


def test_an_issuers_user_can_use_the_api_and_an_unavailable_issuer_is_a_503(plane: ControlPlane) -> None:
    with Issuer() as issuer, Api(plane, settings={"oidc": issuer.settings()}) as api:
        olga = ApiClient(api.url, issuer.token("olga"))
        assert olga.get("/me") == {"name": "olga", "role": "owner"}
        assert ApiClient(api.url, issuer.token(exp=1)).__call__("GET", "/me").status_code == 401
    with Issuer() as gone:
        token = gone.token()
    with Api(plane, settings={"oidc": gone.settings()}) as api:
        answer = ApiClient(api.url, token)("GET", "/me")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YW5uOmFubg==", "Bearer wrong"])
def test_a_request_without_a_valid_token_gets_www_authenticate(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(f"{api.url}/api/v1/me", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:store-platform:unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="store-platform"'


def test_no_token_is_in_the_log(api: Api, ann: ApiClient) -> None:
    ann.get("/me")
    ApiClient(api.url, "a-secret-that-is-wrong")("GET", "/me")
    token = str(ann.session.headers["Authorization"]).split()[1]
    log = api.processes[0].log.read_text()
    assert token not in log
    assert "a-secret-that-is-wrong" not in log
