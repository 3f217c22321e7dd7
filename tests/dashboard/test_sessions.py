"""Sessions: what is stored, how it is renewed, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
import requests

from storeplatform.dashboard.app import make_app
from storeplatform.dashboard.sessions import MOST_OF_ONE, KeptInMemory, KeptInRedis, SignedIn
from storeplatform.dashboard.settings import Settings
from tests.api.issuer import AUDIENCE, Issuer
from tests.api.server import Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import Process
from tests.cluster.waiting import wait_until
from tests.redis import redis
from tests.values import settings_of

from .server import Dashboard, Visitor

__all__ = ["redis"]


@pytest.fixture(scope="module")
def one_issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def dashboard_of(plane: ControlPlane, one_issuer: Issuer) -> Iterator[Dashboard]:
    """A dashboard where users sign in at the issuer."""
    oidc = {"issuer": one_issuer.url, "clientId": AUDIENCE, "scopes": "openid offline_access"}
    with Api(plane, settings={"oidc": one_issuer.settings()}) as api, Dashboard(api.url, {"oidc": oidc}) as dashboard:
        yield dashboard


@pytest.fixture
def issuer(one_issuer: Issuer) -> Issuer:
    """The issuer in its initial state."""
    one_issuer.fails, one_issuer.lasts, one_issuer.claims, one_issuer.refreshed = False, 300, {}, 0
    return one_issuer


def signed_in(dashboard: Dashboard) -> Visitor:
    visitor = Visitor(dashboard.url)
    assert visitor.get("/signin/issuer").status_code == 200
    return visitor


def test_leaving_a_page_releases_its_stream_at_the_dashboard_and_the_api(api: Api, plane: ControlPlane) -> None:
    with Dashboard(api.url, {"streams": 1}) as dashboard, Visitor(dashboard.url) as ann:
        ann.sign_in(token_of(plane, "ann"))
        for _ in range(3):
            page = wait_until(lambda: _opened(ann), "there is a place", 10)
            assert api.metric("store_api_streams") == 1
            page.close()
            wait_until(lambda: api.metric("store_api_streams") == 0, "the API's place is free", 10)


def _opened(visitor: Visitor) -> requests.Response | None:
    page = visitor.get("/changes", stream=True)
    if page.status_code == 200:
        return page
    page.close()
    return None


def test_visitors_without_sign_in_use_no_memory_on_the_server(dashboard: Dashboard) -> None:
    (pid,) = {dashboard.processes[0].pid}
    assert pid
    worker = psutil.Process(pid).children()[-1]
    with requests.Session() as session:
        for _ in range(50):
            session.cookies.clear()
            assert session.get(f"{dashboard.url}/signin", timeout=10).status_code == 200
        before = worker.memory_info().rss
        for _ in range(1500):
            session.cookies.clear()
            session.get(f"{dashboard.url}/signin", timeout=10)
    assert worker.memory_info().rss - before < 4 << 20


@pytest.fixture(params=["memory", "redis"])
def kept(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return KeptInMemory(60)
    server: Process = request.getfixturevalue("redis")
    return KeptInRedis(server.name, 60)


def test_sign_ins_per_user_are_limited_without_affecting_others(kept: Any) -> None:
    kept.put("bens", SignedIn("ben", "owner", "t"))
    for number in range(MOST_OF_ONE + 5):
        kept.put(f"anns-{number}", SignedIn("ann", "owner", f"t{number}"))
    found = [bool(kept.get(f"anns-{number}")) for number in range(MOST_OF_ONE + 5)]
    assert found == [False] * 5 + [True] * MOST_OF_ONE
    assert kept.get("bens") == SignedIn("ben", "owner", "t")
    kept.remove("bens")
    assert kept.get("bens") is None
    if isinstance(kept, KeptInRedis):
        kept._redis.close()


@pytest.mark.parametrize("public", ["https://d.example.com", "http://d.test"])
def test_over_https_the_cookie_has_the_host_prefix(public: str) -> None:
    app = make_app(Settings({**settings_of("dashboard"), "api": {"url": "http://api"}, "publicURL": public}, "k" * 32))
    header = app.test_client().get("/signin", base_url=public).headers["Set-Cookie"]
    encrypted = public.startswith("https")
    assert header.startswith("__Host-session=" if encrypted else "session=")
    assert "Path=/" in header
    assert "Domain" not in header
    assert ("Secure" in header) is encrypted


def test_the_refresh_token_extends_a_session_beyond_its_token(dashboard_of: Dashboard, issuer: Issuer) -> None:
    issuer.lasts = 2
    with signed_in(dashboard_of) as olga:
        issuer.lasts, issuer.refreshed = 300, 0
        with ThreadPoolExecutor(5) as pool:
            ask = partial(requests.get, olga.url, cookies=olga.session.cookies, timeout=30)
            pages = list(pool.map(lambda _: ask(), range(5)))
        assert {(page.status_code, page.url) for page in pages} == {(200, f"{olga.url}/")}
        assert issuer.refreshed == 1


def test_a_session_ends_with_a_token_that_can_not_be_renewed(dashboard_of: Dashboard, issuer: Issuer) -> None:
    issuer.lasts = 3
    with signed_in(dashboard_of) as olga:
        issuer.refresh_tokens.clear()
        wait_until(lambda: olga.get("/").url.startswith(f"{olga.url}/signin"), "the session ends", 10)


def test_signing_out_ends_the_session_at_the_issuer_too(dashboard_of: Dashboard, issuer: Issuer) -> None:
    with signed_in(dashboard_of) as olga:
        left = olga.send("/signout", {}, page="/", allow_redirects=False)
        place = urlsplit(left.headers["Location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == f"{issuer.url}/logout"
        asked = {name: value for name, (value,) in parse_qs(place.query).items()}
        assert asked["client_id"] == AUDIENCE
        assert asked["post_logout_redirect_uri"] == f"{dashboard_of.url}/signin"
        assert asked["id_token_hint"].count(".") == 2
        assert left.headers["Content-Security-Policy"].endswith(f"form-action 'self' {issuer.url}")
        assert olga.get("/").url.startswith(f"{olga.url}/signin")


BAD = [
    {"exp": 1},
    {"exp": "soon"},
    {"aud": "another"},
    {"aud": 5},
    {"iss": "https://elsewhere.example.com"},
    {"iss": None},
    {"nonce": "another"},
    {"nonce": []},
    {"iat": {}},
    {"sub": 5},
    {"sub": None},
    {"at_hash": "wrong"},
    {"at_hash": [1]},
    {"azp": 7},
    {"groups": 5},
]


@pytest.mark.parametrize("claims", BAD, ids=str)
def test_an_invalid_id_token_leads_back_to_the_sign_in_page(
    dashboard_of: Dashboard, issuer: Issuer, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    with Visitor(dashboard_of.url) as visitor:
        page = visitor.get("/signin/issuer")
        assert page.status_code == 401
        assert "csrf_token" in page.text
        assert visitor.get("/").url.startswith(f"{visitor.url}/signin")


def test_an_issuer_that_fails_leads_back_to_the_sign_in_page(dashboard_of: Dashboard, issuer: Issuer) -> None:
    issuer.fails = True
    with Visitor(dashboard_of.url) as visitor:
        assert visitor.get("/signin/issuer").status_code in (401, 503)


def test_repeated_sign_in_attempts_do_not_fill_the_cookie(dashboard_of: Dashboard, issuer: Issuer) -> None:
    with Visitor(dashboard_of.url) as visitor:
        for _ in range(10):
            visitor.get("/signin/issuer", allow_redirects=False)
        assert sum(len(cookie.value or "") for cookie in visitor.session.cookies) < 2500
        assert visitor.get("/signin/issuer").status_code == 200
