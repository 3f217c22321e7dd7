"""Who may connect to whom: every pair of pods of two stores, DNS, the outside, the API server, the node's own ports."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest

from ..cluster.waiting import wait_until
from ..shop.mailbox import texts
from ..shop.shopper import ADDRESS
from ..shop.stripe import KEYS
from .cluster import MAIL_DOMAIN
from .files import CLUSTER_DNS
from .namespaces import Inside
from .stores import Stores

PORTS = {"backend": 9000, "database": 5432, "storefront": 8000}
WORKLOADS = {
    "backend": "deployment/backend",
    "database": "statefulset/database",
    "storefront": "deployment/storefront",
}
STORES = ("one", "two")
Target = tuple[str, str, int]


@pytest.fixture
def outside(stores: Stores) -> Iterator[int]:
    """The port of a server on this machine, which is outside the cluster."""
    with socket.create_server((stores.real.node.namespaces.address, 0)) as server:
        yield int(server.getsockname()[1])


# An address in the node's own network, so nothing leaves it. The payment provider's API has such an address, and one
# port.
PUBLIC, PROVIDER, ANOTHER = "52.0.0.1", 443, 8443
SERVE = f"""
import socket, time
servers = [socket.create_server(("{PUBLIC}", port)) for port in ({PROVIDER}, {ANOTHER})]
print("serving", flush=True)
time.sleep(3600)
"""


@pytest.fixture
def public(stores: Stores) -> Iterator[list[Target]]:
    """Two ports of a public address, which accept every connection."""
    node = stores.real.node
    node.namespaces.run("ip", "address", "add", f"{PUBLIC}/32", "dev", "lo")
    server = Inside("a public server", node.namespaces, [sys.executable, "-c", SERVE], node.log("public"))
    server.start()
    try:
        wait_until(lambda: "serving" in node.log("public").read_text(), "it serves", 30)
        yield [("the provider", PUBLIC, PROVIDER), ("another port", PUBLIC, ANOTHER)]
    finally:
        server.kill()
        node.namespaces.run("ip", "address", "delete", f"{PUBLIC}/32", "dev", "lo")


def components(stores: Stores) -> list[Target]:
    """Return each component of each store, by its pod's address."""
    found = []
    for store in STORES:
        for component, port in PORTS.items():
            (pod,) = stores.pods(f"store-{store}", component)
            found.append((f"{store}/{component}", pod["status"]["podIP"], port))
    return found


def elsewhere(stores: Stores, outside: int) -> list[Target]:
    """Targets that do not belong to a store, without DNS."""
    plane, node = stores.real.plane, stores.real.node
    (hooks,) = stores.pods("store-platform", "")[:1]
    return [
        ("outside", node.namespaces.address, outside),
        ("object store", node.namespaces.address, int(stores.real.s3.endpoint.rpartition(":")[2])),
        ("API server by its Service", "10.0.0.1", 443),
        ("API server by its node", node.place.address, plane.ports.apiserver),
        ("etcd", node.place.address, plane.ports.etcd),
        ("kubelet", node.place.address, 10250),
        ("ingress by its node", node.place.address, 80),
        ("platform", hooks["status"]["podIP"], 8080),
    ]


def open_ways(stores: Stores, sources: list[str], targets: list[Target]) -> set[tuple[str, str]]:
    """Return source and target of each connection that succeeded."""

    def connects(way: tuple[str, Target]) -> bool:
        source, (_, address, port) = way
        store, component = source.split("/")
        return stores.can_connect(f"store-{store}", WORKLOADS[component], address, port)

    ways = [(source, target) for source in sources for target in targets if source != target[0]]
    with ThreadPoolExecutor(6) as pool:
        return {
            (source, target[0]) for (source, target), yes in zip(ways, pool.map(connects, ways), strict=True) if yes
        }


SOURCES = [f"{store}/{component}" for store in STORES for component in PORTS]


def test_a_store_allows_only_its_own_path_inside_and_nothing_between_stores(stores: Stores) -> None:
    wanted = {(f"{s}/{a}", f"{s}/{b}") for s in STORES for a, b in (("storefront", "backend"), ("backend", "database"))}
    assert open_ways(stores, SOURCES, components(stores)) == wanted


def test_a_store_reaches_nothing_outside_but_dns(stores: Stores, outside: int) -> None:
    dns = [("dns", CLUSTER_DNS, 53)]
    reached = open_ways(stores, SOURCES, [*dns, *elsewhere(stores, outside)])
    assert reached == {(source, "dns") for source in SOURCES}


def test_only_the_ingress_controller_reaches_a_stores_pages(stores: Stores) -> None:
    reached = {
        (namespace, name)
        for namespace, workload in (("ingress-nginx", "deployment/ingress"), ("store-platform", "deployment/dashboard"))
        for name, address, port in components(stores)
        if stores.can_connect(namespace, workload, address, port)
    }
    assert reached == {("ingress-nginx", f"{s}/{c}") for s in STORES for c in ("backend", "storefront")}


def test_an_integration_opens_one_port_of_public_addresses_to_its_backend(
    stores: Stores, public: list[Target], outside: int
) -> None:
    targets = [*public, *elsewhere(stores, outside)]
    assert open_ways(stores, SOURCES, public) == set()
    give(stores, "one", KEYS)
    try:
        _, address, port = public[0]
        wait_until(lambda: stores.can_connect("store-one", WORKLOADS["backend"], address, port), "it is open", 120)
        assert open_ways(stores, SOURCES, targets) == {("one/backend", "the provider")}
    finally:
        give(stores, "one", dict.fromkeys(KEYS))
    wait_until(lambda: not open_ways(stores, ["one/backend"], public), "it is closed", 120)
    stores.await_all_ready()


def give(stores: Stores, store: str, keys: dict[str, str] | dict[str, None]) -> None:
    """Set the fields of a store's payments, as its owner would with kubectl; None removes one."""
    patch = json.dumps({"stringData": keys} if all(keys.values()) else {"data": keys})
    where = ("--namespace", f"store-{store}")
    stores.real.kubectl("patch", "secret", "integration-payments", *where, "--type=merge", "-p", patch)


def test_only_backends_reach_the_relay_and_it_only_the_mail_server(stores: Stores, outside: int) -> None:
    mail = stores.real.mail
    (pod,) = [each for each in stores.pods("store-platform") if each["metadata"]["name"].startswith("relay-")]
    relay = [("relay", pod["status"]["podIP"], 8465), ("relay's metrics", pod["status"]["podIP"], 9090)]
    assert open_ways(stores, SOURCES, relay) == {(f"{store}/backend", "relay") for store in STORES}
    assert not stores.can_connect("ingress-nginx", "deployment/ingress", pod["status"]["podIP"], 8465)
    targets = [("mail server", mail.address, mail.port), *elsewhere(stores, outside), *components(stores)]
    reached = [
        name
        for name, address, port in targets
        if stores.can_connect("store-platform", "deployment/relay", address, port)
    ]
    assert reached == ["mail server"]


def test_an_order_is_confirmed_by_the_relay(stores: Stores) -> None:
    # The pods of store one may still see the payment keys of the test above, and would offer cards first.
    mail, order = stores.real.mail, stores.shop("two").order()

    def confirmations() -> list[EmailMessage]:
        return [each for each in mail.to(ADDRESS["E-mail"]) if order in texts(each)[0]]

    (found,) = wait_until(confirmations, f"order {order} is confirmed", 240)
    assert found["From"].addresses[0].addr_spec == f"two@{MAIL_DOMAIN}"
    assert f"{stores.get('two')['status']['url']}/orders" in texts(found)[0]
    assert '"level": "error"' not in stores.real.kubectl("logs", "--namespace=store-platform", "deployment/relay")


def test_without_policies_the_outside_is_reachable(stores: Stores, outside: int) -> None:
    """So the other tests measure the policies, and not a network without a route."""
    address = stores.real.node.namespaces.address
    assert stores.can_connect("ingress-nginx", "deployment/ingress", address, outside)
    assert stores.can_connect("ingress-nginx", "deployment/ingress", stores.real.node.place.address, 10250)
