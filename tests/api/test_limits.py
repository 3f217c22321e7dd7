"""Rate limits, and what happens when the counter is unavailable."""

from __future__ import annotations

from typing import Any

import requests

from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import Process
from tests.cluster.waiting import wait_until

from .server import RATES, Api, ApiClient


def limited(plane: ControlPlane, **rates: Any) -> Api:
    return Api(plane, settings={"rates": {**RATES, **rates}})


def test_a_limited_caller_gets_retry_after_and_others_are_unaffected(plane: ControlPlane) -> None:
    with limited(plane, read="3/minute") as api:
        ann, ben = api.caller("ann"), api.caller("ben")
        answers = [ann("GET", "/me") for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429]
        assert [each.headers["RateLimit-Remaining"] for each in answers] == ["2", "1", "0", "0"]
        assert answers[0].headers["RateLimit-Limit"] == "3"
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 61
        assert answers[3].json()["type"] == "urn:store-platform:too-many-requests"
        assert ben("GET", "/me").status_code == 200
        # Changes are counted separately.
        assert ann.create("limited").status_code == 202


def test_all_routes_of_a_kind_share_one_rate(plane: ControlPlane) -> None:
    with limited(plane, read="2/minute") as api:
        ann = api.caller("ann")
        paths = ("/me", "/plans", "/engines")
        assert [ann("GET", path).status_code for path in paths] == [200, 200, 429]


def test_rejected_tokens_are_counted_by_address_and_valid_ones_are_not(plane: ControlPlane) -> None:
    with limited(plane, refused="3/minute") as api:
        ann, nobody = api.caller("ann"), ApiClient(api.url, "wrong")
        assert [ann("GET", "/me").status_code for _ in range(5)] == [200] * 5
        assert [nobody("GET", "/me").status_code for _ in range(5)] == [401, 401, 401, 429, 429]


def test_without_redis_reads_continue_and_changes_are_refused(plane: ControlPlane, redis: Process) -> None:
    with limited(plane, url=redis.name) as api:
        ben = api.caller("ben")
        assert ben.create("counted").status_code == 202
        redis.freeze()
        assert ben("GET", "/stores/counted").status_code == 200
        refused = ben("POST", "/stores/counted/actions/suspend")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:store-platform:unavailable")
        assert "Retry-After" in refused.headers
        assert "Failed to rate limit" in api.processes[0].log.read_text()
        redis.thaw()
        wait_until(lambda: ben("POST", "/stores/counted/actions/suspend").status_code == 202, "it counts again", 20)


def test_every_response_has_security_headers(api: Api, ann: ApiClient) -> None:
    answers = [ann("GET", "/me"), ann("GET", "/nowhere"), ApiClient(api.url, None)("GET", "/me"), ann("GET", "/docs")]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Request-Id"]


def test_only_listed_origins_may_call_from_a_browser(plane: ControlPlane, api: Api) -> None:
    preflight = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "POST"}
    path = "/api/v1/stores"
    closed = requests.options(api.url + path, headers=preflight, timeout=10)
    assert "Access-Control-Allow-Origin" not in closed.headers
    with Api(plane, settings={"cors": {"origins": ["https://a.example.com"]}}) as opened:
        allowed = requests.options(opened.url + path, headers=preflight, timeout=10)
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
        other = requests.options(
            opened.url + path, headers={**preflight, "Origin": "https://b.example.com"}, timeout=10
        )
        assert "Access-Control-Allow-Origin" not in other.headers


def test_a_valid_request_id_is_kept_and_an_invalid_one_replaced(ann: ApiClient) -> None:
    assert ann("GET", "/me", headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"
    assert ann("GET", "/me", headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"] != "a b\tc"
