"""A WooCommerce store on this machine, as far as its parts can be had: Debian's WordPress, PHP, Apache and MariaDB.

The plugin itself is on no registry, so only the image has it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from storeplatform.templates import ENGINES

from ..cluster.processes import free_ports
from ..containers.image import Image, built
from ..containers.sandbox import Cluster
from ..debian import need
from .ingress import Ingress
from .rendering import render

WORDPRESS = Path("/usr/share/wordpress")
SOURCE = ENGINES / "woocommerce" / "images" / "wordpress"


class WordPressStore:
    """A store of the platform's, with this spec.

    :param area: a folder for its volumes and logs.
    """

    def __init__(self, area: Path, **spec: Any) -> None:
        need("bubblewrap", "libapache2-mod-php", "mariadb-server", "php-cli", "php-mysql")
        need("wordpress", "wordpress-theme-twentytwentythree")
        self.ports = dict(zip(("backend", "database"), free_ports(2), strict=True))
        self.cluster = Cluster(render(area, self.ports, engine="woocommerce", **spec), _images(area), area)
        self.ingress = Ingress(self.cluster.find("Ingress", "store"), self.ports)
        self.url = f"http://{self.ingress.host}"

    def close(self) -> None:
        """End all that was started."""
        self.ingress.stop()
        self.cluster.stop()


def _images(area: Path) -> dict[str, Image]:
    engine = yaml.safe_load((ENGINES / "woocommerce" / "engine.yaml").read_text())
    (version,) = engine["versions"].values()
    # As the image's build has it: the base's WordPress, our configuration in it, and a place for the uploads.
    app = Path(shutil.copytree(SOURCE, area / "app"))
    shutil.copytree(WORDPRESS, app / "html", ignore=shutil.ignore_patterns("wp-config.php"))
    shutil.copy(app / "wp-config.php", app / "html")
    (app / "html" / "wp-content" / "uploads").mkdir()
    scripts = Path(shutil.copytree(ENGINES / "common" / "images" / "backup", area / "scripts"))
    return {
        version["wordpress"]: built(SOURCE / "Dockerfile", {"/app": app}, []),
        engine["images"]["backup"]: built(
            ENGINES / "woocommerce" / "images" / "backup" / "Dockerfile", {"/app": scripts}, []
        ),
        engine["images"]["database"]: Image(
            {"/entrypoint.sh": Path(__file__).with_name("mariadb.sh")},
            ["/entrypoint.sh"],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        ),
    }
