"""Each dependency hangs in turn: everything that does not need it continues, and the rest fails in time.

The tests are the outermost link of the chain in ``common/timeouts.py``: they wait ``TIMEOUT_SECONDS`` for a response.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from itertools import count

import jwt
import pytest
import requests

from storeplatform.common import timeouts
from tests.api.issuer import new_key
from tests.api.server import RATES, Api, ApiClient, token_of
from tests.cluster.waiting import wait_until
from tests.dashboard.server import Dashboard, Visitor
from tests.stores.platform import shipped

from .conftest import World, ready

# A caller's 5 seconds, and more for a busy machine.
TIMEOUT_SECONDS = 6.5

numbers = count(1)

Action = Callable[[World], requests.Response]


def asks(world: World, method: str, path: str, body: object = None, user: str = "ann") -> requests.Response:
    caller = world.api.caller(user)
    return caller.session.request(method, caller.base + path, json=body, timeout=TIMEOUT_SECONDS)


def create(world: World) -> requests.Response:
    body = {"name": f"made-{next(numbers)}", "spec": {"engine": "medusa", "owner": f"owner-{next(numbers)}"}}
    return asks(world, "POST", "/stores", body, "ada")


def visit(path: str) -> Action:
    return lambda world: world.visitor.session.get(world.visitor.url + path, timeout=TIMEOUT_SECONDS)


def signs_in(world: World) -> requests.Response:
    return requests.get(f"{world.visitor.url}/signin", timeout=TIMEOUT_SECONDS)


def with_issuers_token(world: World) -> requests.Response:
    token = jwt.encode({"iss": world.issuer}, new_key(), algorithm="RS256", headers={"kid": "any"})
    caller = ApiClient(world.api.url, token)
    return caller.session.get(f"{caller.base}/me", timeout=TIMEOUT_SECONDS)


ACTIONS: dict[str, Action] = {
    "read a store": lambda world: asks(world, "GET", "/stores/there"),
    "list stores": lambda world: asks(world, "GET", "/stores"),
    "create a store": create,
    "change a store": lambda world: asks(
        world, "POST", "/stores/there/actions/extend", {"expiresAt": f"2090-01-{next(numbers) % 28 + 1:02}T00:00:00Z"}
    ),
    "read the audit": lambda world: asks(world, "GET", "/audit"),
    "export the audit": lambda world: asks(world, "GET", "/audit.csv"),
    "call with an issuer's token": with_issuers_token,
    "see the list": visit("/"),
    "see a store": visit("/stores/there/"),
    "see the audit": visit("/audit"),
    "open the sign-in page": signs_in,
    "sign in at the issuer": visit("/signin/issuer"),
}

OK, TAKEN, LATER = 200, 202, 503
# If nothing hangs, all of these work except those that need the issuer that never responds.
ALL_WELL = {
    **dict.fromkeys(ACTIONS, OK),
    "create a store": TAKEN,
    "change a store": TAKEN,
    "call with an issuer's token": LATER,
    "sign in at the issuer": LATER,
}
EXPECTED: dict[str, dict[str, int]] = {
    # First, while the API still has the reviewed tokens in its cache: a minute later it would have to ask.
    "API server": ALL_WELL | {"create a store": LATER, "change a store": LATER},
    "issuer": ALL_WELL,
    "hooks": ALL_WELL,
    "gate": ALL_WELL | {"create a store": LATER},
    "audit database": ALL_WELL | {"read the audit": LATER, "export the audit": LATER, "see the audit": LATER},
    "Redis": ALL_WELL
    | dict.fromkeys(("create a store", "change a store", "see the list", "see a store", "see the audit"), LATER),
}


@pytest.fixture(scope="module", params=list(EXPECTED))
def hanging(request: pytest.FixtureRequest, world: World) -> Iterator[str]:
    """The API's caches stay valid for a minute."""
    for user in ("ann", "ada"):
        wait_until(lambda user=user: world.api.caller(user)("GET", "/me").ok, f"{user} is known")
    with world.hanging(request.param):
        yield request.param


@pytest.mark.parametrize("action", list(ACTIONS))
def test_what_needs_the_part_fails_in_time_and_the_rest_works(world: World, hanging: str, action: str) -> None:
    answer = ACTIONS[action](world)
    assert answer.status_code == EXPECTED[hanging][action], answer.text[:500]
    if answer.status_code == LATER and action != "sign in at the issuer":
        assert int(answer.headers["Retry-After"]) > 0


def test_every_service_stays_alive(world: World, hanging: str) -> None:
    assert ready(world.api.url)
    assert ready(world.dashboard.url)
    if hanging != "hooks":
        assert ready(world.platform.url)
    if hanging != "gate":
        assert all(world.gate.answers(port) for port in world.gate.ports)


def test_the_webhooks_timeouts_are_those_of_the_chain() -> None:
    seconds = {
        webhook["name"].partition(".")[0]: webhook["timeoutSeconds"]
        for hooks in shipped("webhooks.yaml")
        for webhook in hooks["webhooks"]
    }
    expected = {"create": timeouts.CREATE_WEBHOOK, "attempt": timeouts.ATTEMPT_WEBHOOK}
    assert seconds == expected | dict.fromkeys(("change", "quota"), timeouts.CHANGE_WEBHOOK)


def test_each_link_of_the_chain_waits_longer_than_the_next() -> None:
    at_the_gate = timeouts.ATTEMPT_WEBHOOK + timeouts.CREATE_WEBHOOK
    assert timeouts.GATE_CREATE < timeouts.CREATE_WEBHOOK
    assert timeouts.GATE_CHANGE < timeouts.CHANGE_WEBHOOK
    assert at_the_gate < timeouts.API_REQUEST < timeouts.DASHBOARD_PAGE < 5
    assert max(timeouts.DATABASE, timeouts.REDIS, timeouts.ISSUER) < timeouts.API_REQUEST
    assert timeouts.STREAM_COMMENT < timeouts.STREAM_SILENCE


def test_tokens_of_an_issuer_that_hangs_delay_nobody(world: World) -> None:
    token = jwt.encode({"iss": world.issuer}, new_key(), algorithm="RS256", headers={"kid": "any"})
    request = f"GET /api/v1/me HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    port = int(world.api.url.rpartition(":")[2])
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(240)]
    try:
        for each in connections:
            each.sendall(request)
        assert ready(world.api.url)
        assert asks(world, "GET", "/me").status_code == OK
        assert {each.recv(12) for each in connections} == {b"HTTP/1.1 503"}
    finally:
        for each in connections:
            each.close()


def test_wrong_sign_ins_count_against_their_visitor_not_the_dashboard(world: World) -> None:
    proxies = {"trustedProxies": 1, "rates": {"signIn": "1000/minute"}}
    rates = {**RATES, "refused": "5/minute"}
    with Api(world.plane, settings={"rates": rates}) as api, Dashboard(api.url, proxies) as dashboard:
        with Visitor(dashboard.url) as guesser, Visitor(dashboard.url) as ann:
            guesser.session.headers["X-Forwarded-For"] = "192.0.2.1"
            ann.session.headers["X-Forwarded-For"] = "192.0.2.2"
            statuses = [guesser.send("/signin", {"token": f"wrong-{number}"}).status_code for number in range(7)]
            assert statuses == [401] * 5 + [429] * 2
            assert ann.sign_in(token_of(world.plane, "ann")).status_code == OK
            assert ann.get("/").status_code == OK
        assert requests.get(f"{dashboard.url}/readyz", timeout=5).status_code == OK


def test_a_valid_token_is_accepted_from_an_address_that_sends_wrong_ones(world: World) -> None:
    with Api(world.plane, settings={"rates": {**RATES, "refused": "3/minute"}}) as api:
        ann, guesser = api.caller("ann"), ApiClient(api.url, "wrong")
        assert ann("GET", "/me").status_code == OK
        assert [guesser("GET", "/me").status_code for _ in range(5)] == [401] * 3 + [429] * 2
        assert ann("GET", "/me").status_code == OK
        assert requests.get(f"{api.url}/readyz", timeout=5).status_code == OK


def test_only_the_dashboard_can_name_another_client_address(world: World) -> None:
    with Api(world.plane, settings={"rates": {**RATES, "refused": "3/minute"}}) as api:
        guesser = ApiClient(api.url, "wrong")
        headers = [
            {"X-Store-Platform-Dashboard": "guessed", "X-Store-Platform-Client": f"192.0.2.{number}"}
            for number in range(5)
        ]
        assert [guesser("GET", "/me", headers=each).status_code for each in headers] == [401] * 3 + [429] * 2
