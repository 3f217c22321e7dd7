"""The platform on this machine, with three stores: ``make demo``.

On a machine with Docker and kind: in a kind cluster, with running containers. Elsewhere: on the local control
plane, where everything is real but the containers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from contextlib import AbstractContextManager

from rich.console import Console
from rich.markup import escape

from storeplatform.metacontroller import MANIFESTS

from . import kind, local
from .cluster import Cluster, DemoError
from .watching import Watching

SAMPLES = MANIFESTS / "samples" / "stores.yaml"
READY_SECONDS = 300.0

TRY = """
[bold]All three are Ready.[/] In another terminal:

  export KUBECONFIG={kubeconfig} PATH={bin_dir}:$PATH
  kubectl get stores -o wide                                # how they are, and why
  kubectl explain store.spec                                # what a Store can say
  kubectl get all,ingress,netpol,pvc -n store-corner-shop   # what one is made of
  kubectl patch store corner-shop --type merge -p '{{"spec":{{"plan":"medium"}}}}'
  kubectl delete deployment storefront -n store-corner-shop # it comes back
  kubectl delete store book-shop                            # and with it all it was made of

In a browser, while this demo runs:

  as the owner   {owner_link}
  as an admin    {admin_link}

The same by the intent API, as the owner ann@example.com or as an admin:

  export API={api}/api/v1 OWNER={owner} ADMIN={admin}
  curl -H "Authorization: Bearer $OWNER" $API/stores
  curl -H "Authorization: Bearer $OWNER" $API/stores -d '{{"name":"my-shop","spec":{{"engine":"medusa"}}}}' \\
    -H "Content-Type: application/json"
  curl -H "Authorization: Bearer $ADMIN" $API/audit

What changes is shown here. Ctrl-C ends the demo and removes everything.
"""


def main() -> int:
    """Run the demo; 0 when all was well, 1 with the cause when it was not."""
    parser = argparse.ArgumentParser(prog="make demo ARGS=", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end once all stores are Ready: 0, or 1 with the cause")
    parser.add_argument("--smoke", action="store_true", help="run the smoke test instead of showing stores, and end")
    parser.add_argument("--local", action="store_true", help="the local control plane, even where kind could run")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False, soft_wrap=True)
    use_kind = not arguments.local and all(map(shutil.which, ("docker", "kind", "kubectl"))) and kind.docker_runs()
    where: AbstractContextManager[Cluster] = kind.cluster(console) if use_kind else local.cluster(console)
    try:
        with where as cluster:
            return smoke(cluster) if arguments.smoke else show(cluster, console, arguments.exit)
    except DemoError as error:
        console.print(f"[red]The demo ends: {escape(str(error))}[/]")
        return 1
    except KeyboardInterrupt:
        console.print("All is removed.")
        return 0


def smoke(cluster: Cluster) -> int:
    """The smoke test's result."""
    command = [sys.executable, "-m", "tests.smoke", f"--base-url={cluster.base_url}"]
    path = f"{cluster.bin_dir}:{os.environ['PATH']}"
    return subprocess.run(command, env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PATH": path}).returncode


def show(cluster: Cluster, console: Console, leave: bool) -> int:
    """Apply the samples, show every change until all are Ready, then go on until Ctrl-C unless ``leave``."""
    cluster.kubectl("apply", "-f", str(SAMPLES))
    watching = Watching(cluster, console)
    blocked = watching.until_ready(READY_SECONDS)
    console.print(watching.table())
    for name, message in blocked.items():
        console.print(f"[red]{name} is not Ready after {READY_SECONDS:.0f} s: {escape(message)}[/]")
    if leave:
        return 1 if blocked else 0
    if not blocked:
        more = {"kubeconfig": cluster.kubeconfig, "bin_dir": cluster.bin_dir, "api": cluster.api}
        links = {f"{name}_link": link for name, link in cluster.links.items()}
        console.print(TRY.format(**more, **cluster.tokens, **links))
    watching.forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
