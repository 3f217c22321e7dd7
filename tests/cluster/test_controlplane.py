"""The control plane behaves like a cluster, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .client import ApiError, Client
from .components import NodeTimes
from .controlplane import ControlPlane
from .credentials import METACONTROLLER, User
from .manifests import claim, condition, config_map, deployment, job
from .waiting import WaitTimeout, wait_until

pytestmark = pytest.mark.usefixtures("binary")

FAILING_JOBS = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-fails}
spec:
  weight: 1
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchLabels: {fate: fails}
    matchExpressions:
    - {key: .status.phase, operator: In, values: [Pending]}
  next:
    statusTemplate: |
      phase: Failed
"""


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def available(client: Client, name: str, namespace: str = "default") -> int:
    return client.get("apps/v1", "Deployment", name, namespace)["status"].get("availableReplicas", 0)


def test_a_deployment_becomes_available(client: Client, namespace: str) -> None:
    client.create(deployment("web", namespace, replicas=2))
    wait_until(lambda: available(client, "web", namespace) == 2, "both pods are available")


def test_a_claim_is_bound_and_its_volume_is_deleted_with_the_namespace(client: Client, namespace: str) -> None:
    client.create(claim("data", namespace))
    bound = wait_until(
        lambda: (
            (found := client.get("v1", "PersistentVolumeClaim", "data", namespace))
            and found["status"]["phase"] == "Bound"
            and found
        ),
        "the claim is bound",
    )
    volume = bound["spec"]["volumeName"]
    client.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    wait_until(lambda: client.find("v1", "Namespace", namespace) is None, "the namespace is gone", 60)
    wait_until(lambda: client.find("v1", "PersistentVolume", volume) is None, "its volume is gone")
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})


def test_a_job_completes(client: Client, namespace: str) -> None:
    client.create(job("migrate", namespace))
    wait_until(
        lambda: condition(client.get("batch/v1", "Job", "migrate", namespace), "Complete") == "True",
        "the job is Complete",
    )


def test_an_unchanged_apply_is_a_write_that_keeps_the_version(client: Client, namespace: str) -> None:
    first = client.apply(config_map("settings", namespace, colour="red"))
    second = client.apply(config_map("settings", namespace, colour="red"))
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def test_a_watch_yields_later_changes_in_order(client: Client, namespace: str) -> None:
    path = client.path("v1", "ConfigMap", "", namespace)
    listed = client.request("GET", path)
    obj = client.create(config_map("seen", namespace))
    client.delete(obj)
    watch = client.watch(path, listed["metadata"]["resourceVersion"], fieldSelector="metadata.name=seen")
    assert [next(watch)[0], next(watch)[0]] == ["ADDED", "DELETED"]
    watch.close()


def test_a_watch_from_before_the_api_servers_restart_returns_410(cluster: ControlPlane, client: Client) -> None:
    path = client.path("v1", "ConfigMap")
    cluster.kill("kube-apiserver")
    cluster.start_component("kube-apiserver")
    with pytest.raises(ApiError) as refused:
        list(client.watch(path, "1", timeout_seconds=1))
    assert refused.value.code == 410


def test_a_warning_of_the_server_is_collected(client: Client, namespace: str) -> None:
    unknown = {**config_map("odd", namespace), "unheardOf": 1}
    client.create(unknown, fieldValidation="Warn")
    assert len(client.warnings) == 1
    assert "unheardOf" in client.warnings[0]


def test_one_create_is_one_write_in_the_audit_log(cluster: ControlPlane, client: Client, namespace: str) -> None:
    wait_until(lambda: client.find("v1", "ConfigMap", "kube-root-ca.crt", namespace), "it has settled")
    mark = cluster.audit.mark()
    client.create(config_map("counted", namespace))
    client.get("v1", "ConfigMap", "counted", namespace)
    writes = wait_until(lambda: cluster.audit.writes(mark), "the write is recorded")
    assert [(each.verb, each.user, each.resource, each.name, each.code) for each in writes] == [
        ("create", "admin", "configmaps", "counted", 201)
    ]


def test_the_audit_log_contains_refused_writes(cluster: ControlPlane, namespace: str) -> None:
    mark = cluster.audit.mark()
    client = cluster.client_for("metacontroller")
    with pytest.raises(ApiError) as refused:
        client.create(config_map("refused", namespace))
    client.close()
    assert refused.value.code == 403
    # The namespace's creation may be recorded after the mark.
    refusals = wait_until(
        lambda: [each for each in cluster.audit.writes(mark) if each.user != "admin"], "the refusal is recorded"
    )
    assert [(each.user, each.code) for each in refusals] == [(METACONTROLLER.username, 403)]


def test_kubectl_uses_this_cluster(cluster: ControlPlane) -> None:
    assert cluster.kubectl("get", "nodes", "-o", "name") == "node/node-0\n"


def test_mutating_admission_policies_are_served(client: Client) -> None:
    assert client.list_all("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy") == []


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler"])
def test_a_killed_component_restarts_with_all_objects(
    cluster: ControlPlane, client: Client, namespace: str, component: str
) -> None:
    before = client.create(config_map("kept", namespace, colour="red"))
    cluster.kill(component)
    assert component not in cluster.pids()
    cluster.start_component(component)
    after = wait_until(lambda: client.get("v1", "ConfigMap", "kept", namespace), "the API server answers")
    assert after == before
    client.create(deployment("later", namespace))
    wait_until(lambda: available(client, "later", namespace) == 1, "a new pod is available")


def test_two_control_planes_run_independently(cluster: ControlPlane, client: Client) -> None:
    name = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-here"}}
    with ControlPlane(users={"alice": User("alice", ("shoppers",))}) as other:
        other.client.create(name)
        assert client.find("v1", "Namespace", "only-here") is None
        who = other.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", user="alice")
        assert who == "alice"


def test_stopping_leaves_no_process_no_port_and_no_directory() -> None:
    with ControlPlane() as plane:
        pids, home, server = plane.pids().values(), plane.home, plane.ports.apiserver
        assert len(pids) == 5
    assert not [pid for pid in pids if runs(pid)]
    assert not home.exists()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server))


def test_a_failure_keeps_the_directory_and_prints_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    plane = ControlPlane()
    with pytest.raises(ZeroDivisionError), plane:
        raise ZeroDivisionError
    assert str(plane.home) in capsys.readouterr().err
    assert (plane.home / "logs" / "kube-apiserver.log").exists()
    plane.stop()


def test_a_component_that_can_not_start_is_named_with_its_log() -> None:
    plane = ControlPlane(extra_stages=[Path("/nonexistent/stage.yaml")])
    with pytest.raises(WaitTimeout, match=r"kwok is ready can no longer .*\n.*nonexistent"):
        plane.start()
    plane.stop()


def test_every_process_ends_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        f"from {__package__}.controlplane import ControlPlane; import sys\n"
        "plane = ControlPlane(); plane.start()\n"
        "print(plane.home, *plane.pids().values(), flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[__package__.count(".") + 1]
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(tmp_path)},
    )
    with parent:
        assert parent.stdout
        pids = [int(word) for word in parent.stdout.readline().split()[1:]]
        assert len(pids) == 5
        parent.kill()
    try:
        wait_until(lambda: not [pid for pid in pids if runs(pid)], "every component is gone")
    finally:
        for pid in filter(runs, pids):
            os.kill(pid, signal.SIGKILL)


def test_a_silent_node_becomes_not_ready_and_recovers_with_its_pods() -> None:
    with ControlPlane(times=NodeTimes(grace_seconds=8)) as plane:
        client = plane.client
        client.create(deployment("web", "default"))
        wait_until(lambda: available(client, "web") == 1, "the pod is available")
        pods = client.list_all("v1", "Pod", "default")
        plane.nodes.lose()
        assert condition(client.get("v1", "Node", "node-0"), "Ready") == "Unknown"
        wait_until(lambda: available(client, "web") == 0, "its pod is unavailable")
        plane.nodes.restore()
        wait_until(lambda: available(client, "web") == 1, "its pod is available again")
        again = client.list_all("v1", "Pod", "default")
        assert [pod["metadata"]["uid"] for pod in again] == [pod["metadata"]["uid"] for pod in pods]


def test_an_extra_stage_takes_precedence_over_the_built_in_ones(tmp_path: Path) -> None:
    stage = tmp_path / "fails.yaml"
    stage.write_text(FAILING_JOBS)
    with ControlPlane(extra_stages=[stage]) as plane:
        plane.client.create(job("bad", "default", {"fate": "fails"}))
        plane.client.create(job("good", "default"))

        def outcome(name: str, kind: str) -> bool:
            return condition(plane.client.get("batch/v1", "Job", name, "default"), kind) == "True"

        wait_until(lambda: outcome("bad", "Failed"), "the job of the caller's stage failed")
        wait_until(lambda: outcome("good", "Complete"), "the other job is complete")


def test_a_pods_log_contains_the_lines_of_print_in_pods(cluster: ControlPlane, namespace: str) -> None:
    cluster.kubectl("run", "printer", "--image=any", f"--namespace={namespace}")
    cluster.print_in_pods("first", "second")
    wait_until(lambda: "Running" in cluster.kubectl("get", "pod", "printer", f"--namespace={namespace}"), "it runs", 30)
    assert cluster.kubectl("logs", "printer", "--tail=1", f"--namespace={namespace}").splitlines()[0] == "second"
