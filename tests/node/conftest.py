"""One cluster for all these tests, with two stores that sell, and the smoke test running beside the first tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ..api.server import USERS
from ..cluster.controlplane import ControlPlane
from ..cluster.waiting import wait_until
from ..debian import PackagesMissing, need
from ..values import CHART, settings_of
from .cluster import Cluster, cluster, merged
from .images import ImageError, Images
from .node import MANIFESTS, PACKAGES, why_not
from .smoke import Smoke
from .stores import NAMES, Stores
from .traces import Identity, settings
from .trial import refused

# The same, but its storefront gets less memory than its program needs.
LOCAL = yaml.safe_load((CHART / "values-local.yaml").read_text())["hooks"]["settings"]
SMALL = merged(settings_of("hooks")["plans"]["small"], LOCAL["plans"]["small"])
STOREFRONT = {"requests": {"memory": "16Mi"}, "limits": {"memory": "16Mi"}}
STARVED = merged(SMALL, {"resources": {"storefront": STOREFRONT}})


# What runs beside the smoke test comes before its end, and what disturbs the whole node after it.
ORDER = ("end", "failures", "images", "policies", "smoke", "outages", "restarts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort these tests into their order, after those of other folders."""
    places = {Path(__file__).with_name(f"test_{name}.py"): place for place, name in enumerate(ORDER, 1)}
    items.sort(key=lambda item: places.get(item.path, 0))


@pytest.fixture(scope="session")
def images() -> Images:
    """All images, built before the first test's own time starts."""
    if reason := why_not():
        pytest.skip(reason)
    try:
        need(*PACKAGES)
    except PackagesMissing as error:
        pytest.skip(str(error))
    if reason := refused():
        pytest.skip(f"this machine does not allow what a node needs: {reason}")
    images = Images(more_versions=True)
    try:
        images.debian()
    except ImageError as error:  # all of it is Debian's
        pytest.skip(f"the bases of images are unavailable: {error}")
    images.all()
    return images


@pytest.fixture(scope="session")
def real(images: Images) -> Iterator[Cluster]:
    """A node with the platform."""
    values = {
        "hooks": {"settings": {"plans": {"starved": STARVED}}},
        "postgresql": {"urlSecret": "audit-database"},
    }

    def make_audit_database(plane: ControlPlane) -> None:
        text = (MANIFESTS / "audit.yaml").read_text()
        plane.client.apply_all(text.replace("IMAGE", images.postgres().name))

    before = settings()
    with cluster(images, users=USERS, values=values, prepare=make_audit_database) as made:
        node = Identity.of(made.node.namespaces)
        yield made
    wait_until(lambda: not node.traces(), "nothing of the node is left", 60)
    assert settings() == before


@pytest.fixture(scope="session")
def smoke(real: Cluster) -> Iterator[Smoke]:
    """The smoke test, which has been started."""
    smoke = Smoke(real)
    yield smoke
    smoke.kill()


@pytest.fixture(scope="session")
def stores(real: Cluster, request: pytest.FixtureRequest) -> Stores:
    """Two stores that are Ready; each test leaves them so."""
    if any("smoke" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("smoke")
    stores = Stores(real)
    for name in NAMES:
        stores.apply(name)
    stores.await_all_ready()
    return stores
