"""The stand-in's merge, queue and hook contract, without a cluster."""

import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from .client import Object
from .loop_children import matches
from .loop_fixtures import HookServer, Reply
from .loop_hook import Hook, HookError, TryLater, seconds
from .loop_merge import LAST_APPLIED, MERGE_KEYS, merge, updated, with_last_applied
from .loop_queue import WorkQueue

NAMES = st.sampled_from(["name", "port", "value", "other"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b", "<&>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def no_key_twice(value: object) -> bool:
    """Whether objects of a list can be distinguished by each merge key, so that none is lost in a merge."""
    if isinstance(value, dict):
        return all(no_key_twice(each) for each in value.values())
    if not isinstance(value, list):
        return True
    objects = [each for each in value if isinstance(each, dict)]
    keys = [[str(each[key]) for each in objects if key in each] for key in MERGE_KEYS]
    return all(len(set(each)) == len(each) for each in keys) and all(no_key_twice(each) for each in value)


SPECS = st.dictionaries(NAMES, VALUES, max_size=4).filter(no_key_twice)


def obj(spec: Object) -> Object:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}


# No deadline and no health check, because a busy machine is slow, and many generated lists in a row may be filtered
# out.
whatever_it_takes = examples(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@whatever_it_takes
@given(observed=SPECS, first=SPECS, second=SPECS)
def test_a_second_update_to_the_same_desired_state_changes_nothing(
    observed: Object, first: Object, second: Object
) -> None:
    live = updated(with_last_applied(obj(observed), obj(first)), obj(second))
    assert updated(live, obj(second)) == live


@whatever_it_takes
@given(spec=SPECS)
def test_an_object_as_it_was_created_needs_no_update(spec: Object) -> None:
    created = with_last_applied(obj(spec), obj(spec))
    assert updated(created, obj(spec)) == created


@pytest.mark.parametrize(
    ("observed", "last", "desired", "becomes"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {}, {"b": 2}, id="a_field_no_longer_named_goes"),
        pytest.param({"a": 1, "b": 2}, {}, {"a": 3}, {"a": 3, "b": 2}, id="a_field_never_named_stays"),
        pytest.param([1, 2], [1], [3], [3], id="a_list_of_scalars_is_replaced"),
        pytest.param(
            [{"name": "a", "x": 1}, {"name": "b"}], [], [{"name": "c"}, {"name": "a", "y": 2}],
            [{"name": "a", "x": 1, "y": 2}, {"name": "b"}, {"name": "c"}], id="the_observed_order_stays",
        ),
        pytest.param([{"name": "a"}], [{"name": "a"}], [], [], id="a_named_object_no_longer_desired_goes"),
        pytest.param(
            [{"name": "a", "port": 1}], [], [{"name": "b", "port": 1}], [{"name": "b", "port": 1}],
            id="the_port_is_a_key_before_the_name",
        ),
        pytest.param([{"name": "a"}], [], [{"x": 1}], [{"x": 1}], id="a_list_without_a_key_is_replaced"),
        pytest.param({"a": {"b": 1}}, None, {"a": None}, {"a": {"b": 1}}, id="null_says_nothing"),
    ],
)  # fmt: skip
def test_merge(observed: object, last: object, desired: object, becomes: object) -> None:
    assert merge(observed, last, desired) == becomes


def test_two_objects_with_one_key_are_merged_as_by_metacontroller() -> None:
    ports = [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    assert merge(ports, ports, ports) == [{"port": 53, "protocol": "UDP"}] * 2


def test_status_and_the_servers_metadata_stay_as_observed() -> None:
    live = {**obj({"a": 1}), "status": {"ready": True}}
    live["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    wish = {**obj({"a": 2}), "status": {"ready": False}}
    wish["metadata"] |= {"uid": "2", "generation": 9, "annotations": {LAST_APPLIED: "mine"}}
    after = updated(live, wish)
    assert (after["status"], after["spec"]) == ({"ready": True}, {"a": 2})
    assert {key: after["metadata"].get(key) for key in ("uid", "resourceVersion", "generation")} == {
        "uid": "1", "resourceVersion": "7", "generation": None
    }  # fmt: skip


def test_the_annotation_is_written_as_go_writes_it() -> None:
    annotated = with_last_applied({"metadata": {}}, {"b": "<é&>", "a": 1})
    assert annotated["metadata"]["annotations"][LAST_APPLIED] == '{"a":1,"b":"\\u003cé\\u0026\\u003e"}'


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [("In", ["a"], True), ("NotIn", ["a"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_selector_expressions_match(operator: str, values: list[str], holds: bool) -> None:
    expression = {"key": "shard", "operator": operator, "values": values}
    assert matches({"matchExpressions": [expression]}, {"shard": "a"}) is holds


def test_a_key_added_twice_is_returned_once() -> None:
    queue = WorkQueue()
    queue.add("a")
    queue.add("a")
    queue.add("b")
    assert [queue.get(), queue.get()] == ["a", "b"]


def test_a_key_added_while_it_is_processed_is_returned_again_when_done() -> None:
    queue = WorkQueue()
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.add("b")
    assert queue.get() == "b"
    queue.done("a")
    assert queue.get() == "a"


def test_of_several_delays_the_earliest_counts() -> None:
    queue = WorkQueue()
    begun = time.monotonic()
    for delay in (0.3, 0.05, 0.2):
        queue.add("a", delay)
    queue.add("last", 0.4)
    assert [queue.get(), queue.get()] == ["a", "last"]
    assert time.monotonic() - begun >= 0.4


def test_retries_back_off_until_the_key_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = WorkQueue()
    delays: list[float] = []
    monkeypatch.setattr(queue, "add", lambda _, after: delays.append(after))
    for _ in range(4):
        queue.retry("a")
    queue.forget("a")
    queue.retry("a")
    assert delays == [0.005, 0.01, 0.02, 0.04, 0.005]


def test_a_closed_queue_returns_none() -> None:
    queue = WorkQueue()
    queue.add("a")
    queue.close()
    assert queue.get() is None


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"children": [None]}, "child 0 is no object"),
        ({"children": [{"apiVersion": "v1", "kind": "Secret", "metadata": {}}]}, r"no metadata\.name"),
        ({"childs": []}, "unknown fields .*childs"),
        ([], "no JSON object"),
    ],
)
def test_a_malformed_response_is_rejected_with_the_reason(body: object, complaint: str) -> None:
    with HookServer(lambda _: Reply(body)) as server, pytest.raises(HookError, match=complaint):
        hook_at(server).call(request())


def test_a_429_with_a_date_waits_until_then() -> None:
    reply = Reply("", 429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"})
    with HookServer(lambda _: reply) as server, pytest.raises(TryLater) as later:
        hook_at(server).call(request())
    assert later.value.seconds > 1e6


def test_a_hook_of_version_v1_is_rejected() -> None:
    with pytest.raises(ValueError, match="v2 only"):
        Hook({"webhook": {"url": "http://127.0.0.1"}}, str)


@pytest.mark.parametrize(("duration", "value"), [("10s", 10), ("1m30s", 90), ("250ms", 0.25), ("1.5h", 5400)])
def test_durations(duration: str, value: float) -> None:
    assert seconds(duration) == value


def test_a_hook_behind_a_service_is_called_by_its_cluster_dns_name() -> None:
    service = {"name": "hooks", "namespace": "store-platform", "port": 8080, "protocol": "http"}
    hook = Hook({"version": "v2", "webhook": {"service": service, "path": "/sync"}}, str)
    assert hook.url == "http://hooks.store-platform:8080/sync"
    with pytest.raises(ValueError, match="by http only, not https"):
        Hook({"version": "v2", "webhook": {"service": {**service, "protocol": "https"}}}, str)


def hook_at(server: HookServer) -> Hook:
    return Hook({"version": "v2", "webhook": {"url": server.url, "timeout": "5s"}}, str)


def request() -> Object:
    return {"parent": {"metadata": {"name": "x"}}}
