"""An image's user can read it, even if it was built from a checkout that only root may read."""

from __future__ import annotations

import pytest

from .stores import Stores

CLOSED = "find {} -xdev ( -type d ! -executable -o ! -type l ! -readable )"


@pytest.mark.parametrize(
    ("workload", "folder"),
    [
        ("deployment/backend", "/app"),
        ("deployment/storefront", "/app"),
        ("statefulset/database", "/usr/local/bin"),
    ],
)
def test_a_running_shop_can_read_its_whole_image(stores: Stores, workload: str, folder: str) -> None:
    done = stores.run_in("store-one", workload, *CLOSED.format(folder).split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("workload", ["deployment/api", "deployment/dashboard", "deployment/hooks"])
def test_the_platform_can_read_its_whole_image(stores: Stores, workload: str) -> None:
    done = stores.run_in("store-platform", workload, *CLOSED.format("/app").split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("user", [999, 1000])
def test_both_users_of_the_backup_image_can_read_it(stores: Stores, user: int) -> None:
    script = f"{CLOSED.format('/usr/local/lib/store-backup')}; exec store-backup".replace("(", r"\(").replace(
        ")", r"\)"
    )
    image = stores.real.node.images.backup().name
    security = {"runAsUser": user, "runAsGroup": user, "readOnlyRootFilesystem": True}
    container = {
        "name": "backup",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "securityContext": security,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    name = f"backup-{user}"
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    client = stores.real.plane.client
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": pod}
    client.create(made)
    try:
        stores.real.kubectl("wait", "pod", name, "--for=jsonpath={.status.phase}=Failed", "--timeout=180s")
        log = stores.real.kubectl("logs", name)
    finally:
        client.delete(made)
    assert log.startswith("store-backup: these arguments are not understood."), log
    assert log.count("\n") == 1


def test_a_start_compiles_no_python(stores: Stores) -> None:
    """It runs read-only, so each start would compile hundreds of modules again."""
    script = "import storeplatform.hooks.app as a, sys; sys.exit(not __import__('os').path.exists(a.__cached__))"
    assert stores.run_in("store-platform", "deployment/hooks", "python3", "-c", script).returncode == 0
