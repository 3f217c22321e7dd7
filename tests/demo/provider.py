"""A payment provider for the demo's shops: the tests' Stripe, at a public address that only the node's network has."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.cluster.waiting import wait_until
from tests.node.images import ROOT, Builder, Image, Images
from tests.node.namespaces import Inside
from tests.node.node import Node

from .forward import forwarded

# Its address in the images of PayingImages.
ADDRESS, PORT = "52.0.0.1", 443
DOCKERFILE = Path(__file__).with_name("backend.Dockerfile")


class PayingImages(Images):
    """The images of a node whose shops use the demo's payment provider."""

    def shop(self, image: str) -> Image:
        """Return one of a shop's images, by its name and tag."""
        if not image.startswith("store-medusa-backend:"):
            return super().shop(image)
        shipped = Images().shop(image)

        def build(builder: Builder, folder: Path) -> None:
            builder.build(shipped.name, DOCKERFILE, folder, BACKEND=builder.load(shipped))

        return self._image(shipped.name, [DOCKERFILE, shipped.archive.with_name("key")], build)


@contextmanager
def provider(node: Node) -> Iterator[None]:
    """Serve the shops of the node, and the pages to a browser on this machine."""
    with forwarded(node.place.address, PORT) as port:
        pages = f"http://localhost:{port}"
        node.namespaces.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        command = [sys.executable, "-m", "tests.shop.stripe", str(PORT), "0.0.0.0", pages]
        server = Inside("payment provider", node.namespaces, ["env", f"PYTHONPATH={ROOT}", *command], node.log("pay"))
        server.start()
        try:
            address = f"http://{node.place.address}:{PORT}/js.stripe.com/v3/"
            wait_until(lambda: requests.get(address, timeout=5).ok, "the payment provider answers", 60)
            yield
        finally:
            server.kill()
