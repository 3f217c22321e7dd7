"""How refusals by the API server and the gate are returned to a caller of the API."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from kubernetes.client.exceptions import ApiException

from storeplatform.api.refusals import problem_of

DENIED = 'admission webhook "create.stores.platform.urumi.dev" denied the request: '


def refusal(code: int, message: str, reason: str = "", **details: Any) -> ApiException:
    error = ApiException(status=code, reason=reason)
    error.body = orjson.dumps({"kind": "Status", "message": message, "reason": reason, "details": details})
    return error


@pytest.mark.parametrize(
    ("error", "status", "kind", "retry_after", "detail"),
    [
        (
            refusal(429, f"{DENIED}too much", "TooManyRequests", retryAfterSeconds=1),
            429,
            "too-many-requests",
            "1",
            "too much",
        ),
        (refusal(429, f"{DENIED}too much", "TooManyRequests"), 429, "too-many-requests", "1", "too much"),
        (
            refusal(503, f"{DENIED}not now", "ServiceUnavailable", retryAfterSeconds=3),
            503,
            "unavailable",
            "3",
            "not now",
        ),
        (
            refusal(429, "storage is (re)initializing", "TooManyRequests"),
            503,
            "unavailable",
            "5",
            "the platform is busy",
        ),
        (refusal(503, "apiserver is shutting down"), 503, "unavailable", "5", "the platform is busy"),
        (
            refusal(500, 'failed calling webhook "create"', "InternalError"),
            503,
            "unavailable",
            "5",
            "the gate, which checks",
        ),
        (refusal(504, "timeout"), 503, "unavailable", "5", "the cluster can't"),
        (refusal(409, f"{DENIED}it exists", "AlreadyExists"), 409, "conflict", None, "choose another"),
        (
            refusal(403, f"{DENIED}ann may have 5 stores (StoreQuota x)", "Forbidden"),
            403,
            "quota-exceeded",
            None,
            "ann may",
        ),
        (refusal(403, f"{DENIED}it is not yours", "Forbidden"), 403, "forbidden", None, "it is not yours"),
    ],
)
def test_a_refusal_keeps_its_status_and_its_retry_after(
    error: ApiException, status: int, kind: str, retry_after: str | None, detail: str
) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.kind, problem.headers.get("Retry-After")) == (status, kind, retry_after)
    assert detail in problem.detail
    assert "webhook" not in problem.detail


def test_a_refusal_without_a_body_is_handled() -> None:
    assert problem_of(ApiException(status=500, reason="?")).status == 503
