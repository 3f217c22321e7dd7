"""Programs that tests need and PyPI does not have, from Debian's or Ubuntu's own packages."""

import os
import shutil
import subprocess
from pathlib import Path

# How to see that a package is there, where its program is not on PATH under the package's name.
PLACES = {
    "bubblewrap": "usr/bin/bwrap",
    "libapache2-mod-php": "usr/lib/apache2/modules/libphp*.so",
    "mariadb-server": "usr/sbin/mariadbd",
    "php-cli": "usr/bin/php",
    "php-mysql": "usr/lib/php/*/mysqli.so",
    "postgresql": "usr/lib/postgresql/*/bin/initdb",
    "wordpress": "usr/share/wordpress/wp-load.php",
    "wordpress-theme-twentytwentythree": "usr/share/wordpress/wp-content/themes/twentytwentythree",
}


class PackagesMissing(RuntimeError):
    """Packages that could not be installed; the message names them and what to do."""


def present(package: str) -> bool:
    """Whether the package's program is installed, by whatever way it came."""
    place = PLACES.get(package)
    return any(Path("/").glob(place)) if place else shutil.which(package) is not None


def need(*packages: str) -> None:
    """See that the packages are installed; install those that are not where this machine allows it.

    :param packages: names of Debian packages, each one with a program of its own name or a place in `PLACES`.
    :raise PackagesMissing: this is no Debian, this user may not install, or apt fails.
    """
    missing = [package for package in packages if not present(package)]
    if not missing:
        return
    remedy = f"install them by hand: apt-get install {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise PackagesMissing(f"This machine has no apt-get and lacks {', '.join(missing)}; {remedy}")
    become_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if become_root and shutil.which("sudo") is None:
        raise PackagesMissing(f"Only root can install {', '.join(missing)}; {remedy}")
    apt = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]
    apt += ["-o", "DPkg::Lock::Timeout=300"]
    for command in ([*apt, "update"], [*apt, "install", "--no-install-recommends", *missing]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise PackagesMissing(
                f"apt-get can't install {', '.join(missing)} ({lines[-1] if lines else ''}); {remedy}"
            )
    still = [package for package in missing if not present(package)]
    if still:
        raise PackagesMissing(f"{', '.join(still)} were installed, but their programs are not found")
