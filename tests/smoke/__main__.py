"""The smoke test: a Store's life on any cluster that has the platform, by kubectl and its kubeconfig alone.

``tox -e smoke``; exit code 0 when every step held, 1 with the step that did not and what the Store says.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
from typing import Any

from tests.cluster.waiting import WaitTimeout, wait_until

KINDS = "all,ingress,networkpolicy,persistentvolumeclaim,poddisruptionbudget,resourcequota,limitrange,secret"


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """What kubectl prints. :raise subprocess.CalledProcessError: it failed."""
    command = ["kubectl", *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True).stdout


def find(name: str) -> dict[str, Any]:
    """The Store, or an empty mapping where there is none."""
    text = kubectl("get", "store", name, "--ignore-not-found", "-o", "json")
    return json.loads(text) if text else {}


def phase(name: str) -> str:
    """The Store's phase; empty before the first answer and after its end."""
    return str(find(name).get("status", {}).get("phase", ""))


def life(name: str, seconds: float) -> None:
    """Each step of a Store's life; raise WaitTimeout at the first that does not hold."""
    store = {
        "apiVersion": "platform.urumi.dev/v1alpha1",
        "kind": "Store",
        "metadata": {"name": name},
        "spec": {"engine": "medusa", "owner": "smoke-test"},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(store))
    print(f"applied: store {name}", flush=True)
    wait_until(lambda: phase(name) == "Ready", f"store {name} is Ready", seconds, interval=0.5)
    print(f"ready: {find(name)['status']['url']}", flush=True)
    kubectl("delete", "deployment", "storefront", "-n", f"store-{name}")
    wait_until(
        lambda: kubectl("get", "deployment", "storefront", "-n", f"store-{name}", "--ignore-not-found", "-o", "name"),
        "the deleted storefront is made again",
        seconds,
        interval=0.5,
    )
    wait_until(lambda: phase(name) == "Ready", f"store {name} is Ready again", seconds, interval=0.5)
    print("mended: a deleted Deployment came back", flush=True)
    kubectl("delete", "store", name, f"--timeout={seconds:.0f}s")
    wait_until(lambda: not find(name), f"store {name} is gone", seconds, interval=0.5)
    assert kubectl("get", "namespace", f"store-{name}", "--ignore-not-found", "-o", "name") == ""
    assert kubectl("get", KINDS, "-n", f"store-{name}", "--ignore-not-found", "-o", "name") == ""
    print("deleted: nothing is left", flush=True)


def main() -> int:
    """Run it; remove the Store whatever happens."""
    parser = argparse.ArgumentParser(prog="tox -e smoke --", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long one step may take")
    arguments = parser.parse_args()
    name = f"smoke-{secrets.token_hex(3)}"
    try:
        life(name, arguments.seconds)
    except WaitTimeout as error:
        print(f"failed: {error}; its status: {json.dumps(find(name).get('status'))}", file=sys.stderr)
        return 1
    finally:
        kubectl("delete", "store", name, "--ignore-not-found", "--wait=false")
    return 0


if __name__ == "__main__":
    sys.exit(main())
