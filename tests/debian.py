"""Install programs that tests need and PyPI does not have, from Debian's or Ubuntu's packages."""

import os
import shutil
import subprocess
from pathlib import Path

# Files that show that a package is installed, where its program is not on PATH under the package's name.
PLACES = {
    "bubblewrap": "usr/bin/bwrap",
    "conntrack": "usr/sbin/conntrack",
    "containernetworking-plugins": "usr/lib/cni/bridge",
    "iproute2": "*bin/ip",
    "ipset": "usr/sbin/ipset",
    "iptables": "usr/sbin/iptables",
    "mariadb-server": "usr/sbin/mariadbd",
    "nginx": "usr/sbin/nginx",
    "runc": "usr/*bin/runc",
    "php-cli": "usr/bin/php",
    "php-fpm": "usr/sbin/php-fpm*",
    "php-gd": "usr/lib/php/*/gd.so",
    "php-curl": "usr/lib/php/*/curl.so",
    "php-intl": "usr/lib/php/*/intl.so",
    "php-mbstring": "usr/lib/php/*/mbstring.so",
    "php-mysql": "usr/lib/php/*/mysqli.so",
    "php-xml": "usr/lib/php/*/dom.so",
    "postgresql": "usr/lib/postgresql/*/bin/initdb",
    "wordpress": "usr/share/wordpress/wp-load.php",
    "wordpress-theme-twentytwentythree": "usr/share/wordpress/wp-content/themes/twentytwentythree",
}


class PackagesMissing(RuntimeError):
    """Packages could not be installed; the message names them and what to do."""


def present(package: str) -> bool:
    """Whether the package's program is installed, from any source."""
    place = PLACES.get(package)
    return any(Path("/").glob(place)) if place else shutil.which(package) is not None


def missing(*packages: str) -> list[str]:
    """Return those of the packages that are not installed."""
    return [package for package in packages if not present(package)]


def need(*packages: str) -> None:
    """Install the packages that are missing, if this machine allows it.

    :param packages: names of Debian packages, each with a program of its own name or a path in `PLACES`.
    :raise PackagesMissing: this is not Debian, this user may not install, or apt fails.
    """
    lacking = missing(*packages)
    if not lacking:
        return
    remedy = f"install them yourself: apt-get install {' '.join(lacking)}"
    if shutil.which("apt-get") is None:
        raise PackagesMissing(f"This machine has no apt-get and lacks {', '.join(lacking)}; {remedy}")
    become_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if become_root and shutil.which("sudo") is None:
        raise PackagesMissing(f"Only root can install {', '.join(lacking)}; {remedy}")
    apt = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]
    apt += ["-o", "DPkg::Lock::Timeout=300"]
    for command in ([*apt, "update"], [*apt, "install", "--no-install-recommends", *lacking]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise PackagesMissing(
                f"apt-get can't install {', '.join(lacking)} ({lines[-1] if lines else ''}); {remedy}"
            )
    if still := missing(*lacking):
        raise PackagesMissing(f"{', '.join(still)} were installed, but their programs are not found")
