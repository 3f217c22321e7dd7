"""The platform on this machine, with three stores (``make demo``).

On a machine with Docker and kind: in a kind cluster. On a Linux machine as root: on a real node of its own processes,
if you agree. Otherwise: on the local control plane, where everything is real except the containers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import AbstractContextManager

from rich.console import Console
from rich.markup import escape

from storeplatform.metacontroller import MANIFESTS
from tests.cluster.processes import LAUNCHER
from tests.cluster.waiting import wait_until
from tests.shop.stripe import DECLINED, SECURE, VISA
from tests.smoke.shopping import Shop
from tests.smoke.steps import FAILURES

from . import controller, kind, local, real
from .cluster import Cluster, DemoError
from .watching import Watching

CARDS = f"""\
To pay by card, choose Card in a shop whose owner has set the keys of a payment provider:
  {VISA}  is paid      {DECLINED}  is declined      {SECURE}  asks for 3-D Secure
"""
SAMPLES = MANIFESTS / "samples" / "stores.yaml"
READY_SECONDS = 600.0

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
{shops}
  as the owner   {owner_link}
  as an admin    {admin_link}
{payments}
The same by the intent API, as the owner ann@example.com or as an admin:

  export API={api}/api/v1 OWNER={owner} ADMIN={admin}
  curl -H "Authorization: Bearer $OWNER" $API/stores
  curl -H "Authorization: Bearer $OWNER" $API/stores -d '{{"name":"my-shop","spec":{{"engine":"medusa"}}}}' \\
    -H "Content-Type: application/json"
  curl -H "Authorization: Bearer $ADMIN" $API/audit

What changes is shown here. Ctrl-C ends the demo and removes everything.
"""


def main() -> int:
    """Run the demo; return 0 on success, 1 after printing the cause of a failure."""
    parser = argparse.ArgumentParser(prog="make demo ARGS=", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end once all stores are Ready: 0, or 1 with the cause")
    parser.add_argument("--smoke", action="store_true", help="run the smoke test instead of showing stores, and end")
    parser.add_argument("--simulated", action="store_true", help="simulate the containers, even where they could run")
    parser.add_argument("--yes", action="store_true", help="agree to what a real node does to this machine")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False, soft_wrap=True)
    try:
        with chosen(console, arguments.simulated, arguments.yes) as cluster:
            return smoke(cluster) if arguments.smoke else show(cluster, console, arguments.exit)
    except DemoError as error:
        console.print(f"[red]The demo ends: {escape(str(error))}[/]")
        return 1
    except KeyboardInterrupt:
        console.print("All is removed.")
        return 0


def chosen(console: Console, simulated: bool, yes: bool) -> AbstractContextManager[Cluster]:
    """Return the most realistic kind of cluster that this machine and its user allow."""
    if not simulated and all(map(shutil.which, ("docker", "kind", "kubectl"))) and kind.docker_runs():
        return kind.cluster(console)
    controller.bring(console)
    if simulated:
        return local.cluster(console)
    if reason := real.why_not():
        console.print(f"No real node is possible here: {escape(reason)}.")
        return local.cluster(console)
    return real.cluster(console) if real.agreed(console, yes) else local.cluster(console)


def smoke(cluster: Cluster) -> int:
    """Run the smoke test and return its result."""
    # Tied to this process, because alone it would wait for a cluster that has ended with this process.
    tied = [sys.executable, "-IS", str(LAUNCHER), str(os.getpid())]
    command = [*tied, sys.executable, "-m", "tests.smoke", f"--base-url={cluster.base_url}"]
    path = f"{cluster.bin_dir}:{os.environ['PATH']}"
    return subprocess.run(command, env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PATH": path}).returncode


def show(cluster: Cluster, console: Console, leave: bool) -> int:
    """Apply the samples, show every change until all are Ready, then continue until Ctrl-C unless ``leave``."""
    cluster.kubectl("apply", "-f", str(SAMPLES))
    watching = Watching(cluster, console)
    blocked = watching.until_ready(READY_SECONDS)
    console.print(watching.table())
    for name, message in blocked.items():
        console.print(f"[red]{name} is not Ready after {READY_SECONDS:.0f} s: {escape(message)}[/]")
    if not blocked:
        buy(cluster, console, watching)
    if leave:
        return 1 if blocked else 0
    if not blocked:
        more = {"kubeconfig": cluster.kubeconfig, "bin_dir": cluster.bin_dir, "api": cluster.api}
        links = {f"{name}_link": link for name, link in cluster.links.items()}
        shown = {"shops": shops(cluster, watching), "payments": payments(cluster)}
        console.print(TRY.format(**more, **cluster.tokens, **links, **shown))
    watching.forever()
    return 0


def buy(cluster: Cluster, console: Console, watching: Watching) -> None:
    """Place an order in each store, as a visitor does; none if containers are simulated.

    :raise DemoError: an order failed.
    """
    if not cluster.base_url:
        return
    for name, store in watching.stores.items():
        shop = Shop(store["status"]["url"], cluster.base_url)
        try:
            wait_until(shop.title, f"{shop.url} answers", 60)  # the ingress controller notices it slightly later
            console.print(f"{name} sells: a visitor has placed order {shop.order()}.")
        except FAILURES as error:
            raise DemoError(f"{name} does not sell: {error}") from error
    if cluster.payments:
        pay(cluster, console, watching)


def pay(cluster: Cluster, console: Console, watching: Watching) -> None:
    """Give a store that a browser can open the keys of the payment provider, and pay there by card.

    :raise DemoError: that is not possible.
    """
    name, store = next(each for each in watching.stores.items() if each[1]["status"]["url"].endswith(".localhost"))
    console.print(f"{name} gets the keys of a payment provider; its pods see them within two minutes ...")
    secret = ("secret", "integration-payments", "--namespace", f"store-{name}")
    cluster.kubectl("patch", *secret, "--type=merge", "-p", json.dumps({"stringData": dict(cluster.payments)}))

    def paid() -> str:
        return Shop(store["status"]["url"], cluster.base_url).order(VISA)

    try:
        order = wait_until(paid, f"{name} takes cards", 300, interval=5)
    except FAILURES as error:
        raise DemoError(f"{name} takes no cards: {error}") from error
    console.print(f"{name} takes cards: a visitor has paid order {order} by card {VISA}.")


def shops(cluster: Cluster, watching: Watching) -> str:
    """Return a line for each store that a browser on this machine can open; none if containers are simulated."""
    if not cluster.base_url:
        return ""
    urls = [store["status"]["url"] for store in watching.stores.values()]
    return "\n" + "".join(f"  a shop         {url}{cluster.port}\n" for url in urls if url.endswith(".localhost"))


def payments(cluster: Cluster) -> str:
    """Return how to try cards and where to read mails; "" if there are neither."""
    mails = f"  the mails      {cluster.mailbox}\n" if cluster.mailbox else ""
    return f"{mails}\n{CARDS}" if mails else ""


if __name__ == "__main__":
    sys.exit(main())
