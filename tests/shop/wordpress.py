"""A WooCommerce store on this machine, as far as its parts are available: Debian's PHP, nginx and MariaDB.

No package registry has WordPress and the plugin. ``WORDPRESS`` and ``WOOCOMMERCE`` name folders of unpacked releases of
the engine's first version, ``WORDPRESS_OLD`` and ``WOOCOMMERCE_OLD`` of its second; without them, Debian's old
WordPress is used without a plugin.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from storeplatform.templates import ENGINES

from ..containers.image import Image, built
from ..containers.sandbox import Container, Object
from ..debian import need
from .store import RunningStore, backup_image, named

ENGINE = yaml.safe_load((ENGINES / "woocommerce" / "engine.yaml").read_text())
NEW, OLD = list(ENGINE["versions"])[:2]


def _folders(suffix: str) -> tuple[Path, Path] | None:
    """Return the folders of WordPress and of WooCommerce; None if one of them is not set."""
    wordpress, woocommerce = (os.environ.get(f"{name}{suffix}") for name in ("WORDPRESS", "WOOCOMMERCE"))
    return (Path(wordpress), Path(woocommerce)) if wordpress and woocommerce else None


# By the engine's version.
RELEASES = {version: found for version, suffix in ((NEW, ""), (OLD, "_OLD")) if (found := _folders(suffix))}
DEBIANS = Path("/usr/share/wordpress")
SOURCE = ENGINES / "woocommerce" / "images" / "wordpress"


class WordPressStore(RunningStore):
    """A store with WordPress.

    :param plain: with Debian's old WordPress, and without the plugin.
    :param php_env: variables of PHP in addition to its manifests'.
    """

    engine = "woocommerce"
    services = ("backend", "database")

    def __init__(
        self, area: Path, *, plain: bool = False, php_env: dict[str, str] | None = None, **options: Any
    ) -> None:
        need("bubblewrap", "mariadb-server", "nginx", "php-cli", "php-fpm", "php-mysql")
        need("php-curl", "php-gd", "php-intl", "php-mbstring", "php-xml")
        if plain:
            need("wordpress", "wordpress-theme-twentytwentythree")
        self._plain, self._php_env = plain, php_env or {}
        super().__init__(area, **options)

    def adjusted(self, objects: list[Object]) -> list[Object]:
        backend = named(objects, "Deployment", "backend")["spec"]["template"]["spec"]["initContainers"]
        cron = named(objects, "CronJob", "cron")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        for container in (*backend, *cron):
            container["env"] += [{"name": name, "value": value} for name, value in self._php_env.items()]
        return objects

    def open(self) -> None:
        self.cluster.start("StatefulSet", "database")
        self.cluster.run("Job", "provision")
        self.cluster.start("Deployment", "backend")
        self.ingress.start()

    def php(self, code: str) -> str:
        """Return the output of some code in WordPress."""
        return self._php().exec(
            ["php", "-d", "display_errors=stderr", "-r", f'require "/app/html/wp-load.php"; {code}']
        )

    def check(self, integration: str) -> tuple[int, str]:
        """Return the exit code of an integration's check, and its message if it fails."""
        command = f"export TERMINATION_MESSAGE=/tmp/said; /app/store-woocommerce check {integration}"
        try:
            self._php().exec(["sh", "-c", command])
        except subprocess.CalledProcessError as failure:
            return failure.returncode, self._php().exec(["cat", "/tmp/said"])
        return 0, ""

    def database_text(self) -> str:
        """Return everything in the shop's database."""
        dump = "mariadb-dump --protocol=tcp --host=127.0.0.1 --user=root --password=$MARIADB_ROOT_PASSWORD wordpress"
        return self.cluster.exec("StatefulSet", "database", "sh", "-c", f"{dump} --port={self.ports['database']}")

    def _php(self) -> Container:
        return self.cluster.containers("Deployment", "backend")[0]

    def images(self) -> dict[str, Image]:
        version = self.spec.get("version", NEW)
        app = self.area / f"app-{version}"
        if not app.exists():
            _app(app, *((DEBIANS,) if self._plain else RELEASES[version]))
        return {
            ENGINE["versions"][version]["wordpress"]: built(
                SOURCE / "Dockerfile", {"/app": app}, [Path("/app/programs")]
            ),
            ENGINE["images"]["backup"]: backup_image(self.engine, self.area),
            ENGINE["images"]["database"]: Image(
                {"/entrypoint.sh": Path(__file__).with_name("mariadb.sh")},
                ["/entrypoint.sh"],
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            ),
        }


def _app(app: Path, wordpress: Path, woocommerce: Path | None = None) -> Path:
    """Like the image's build: the base's WordPress, our configuration in it, and a folder for the uploads."""
    shutil.copytree(SOURCE, app, ignore=shutil.ignore_patterns("versions"))
    shutil.copytree(wordpress, app / "html", ignore=shutil.ignore_patterns("wp-config.php"))
    shutil.copy(app / "wp-config.php", app / "html")
    content = Path(shutil.copytree(app / "content", app / "html" / "wp-content", dirs_exist_ok=True))
    (content / "uploads").mkdir(exist_ok=True)
    # Debian's name of it contains its version; the base image's PATH has the plain name.
    (app / "programs").mkdir()
    (app / "programs" / "php-fpm").symlink_to(max(Path("/usr/sbin").glob("php-fpm*")))
    if woocommerce:
        shutil.copytree(woocommerce, content / "plugins" / "woocommerce")
    return app
