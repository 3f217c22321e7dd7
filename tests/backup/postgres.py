"""A real PostgreSQL server for this run, on the loopback interface."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from ..cluster.processes import Process, free_ports
from ..cluster.waiting import wait_until
from ..debian import need
from . import users

SECRET = "pass-Word'1 \\ $HOME"  # characters that break shells, URLs and connection strings


def programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return max(folders, key=lambda folder: int(folder.parent.name))


class Server:
    """One server; its only role is a superuser, as in the image.

    :param area: a folder for its data and its log.
    :param host: the loopback address it listens on.
    :param port: None for a free one.
    """

    def __init__(
        self,
        area: Path,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        user: str = "medusa",
        password: str = SECRET,
    ) -> None:
        self.bin = programs()
        self.data = area / "data"
        self.env = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "PGHOST": host,
            "PGPORT": str(port or free_ports(1)[0]),
            "PGUSER": user,
            "PGPASSWORD": password,
            "PGDATABASE": "postgres",
            "PGTZ": "UTC",
        }
        self._init(area)
        command = [str(self.bin / "postgres"), "-D", str(self.data)]
        if users.DATABASE is not None:
            user = str(users.DATABASE)
            # Changing the user removes the tie to this process, so it is set again.
            become = ["/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--pdeathsig", "KILL"]
            command = [*become, "--", *command]
        self.process = Process("postgres", command, area / "postgres.log", env=self.env)

    def _init(self, area: Path) -> None:
        password = area / "password"
        password.write_text(self.env["PGPASSWORD"] + "\n")
        users.give(area, users.DATABASE)
        subprocess.run(
            [
                self.bin / "initdb",
                "--pgdata",
                self.data,
                "--username",
                self.env["PGUSER"],
                "--pwfile",
                password,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
                "--no-sync",
            ],
            env=self.env,
            user=users.DATABASE,
            group=users.DATABASE,
            extra_groups=None if users.DATABASE is None else [],
            check=True,
            capture_output=True,
        )
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"listen_addresses = '{self.env['PGHOST']}'\nport = {self.env['PGPORT']}\n")
            conf.write("unix_socket_directories = ''\n")
            conf.write("fsync = off\nfull_page_writes = off\nautovacuum = off\n")

    def start(self) -> None:
        """Start it and wait until it responds."""
        self.process.start()
        wait_until(lambda: self.sql("SELECT 1") == "1", "PostgreSQL answers", stop_if=self.process.failure)

    def stop(self) -> None:
        """Kill it; afterwards nothing writes into its folder.

        Its connection processes lead sessions of their own, and end once they notice that the main process has.
        """
        others = psutil.Process(self.process.pid).children(recursive=True) if self.process.pid else []
        self.process.kill()
        psutil.wait_procs(others, timeout=30)

    def sql(self, statements: str, database: str = "postgres", **env: str) -> str:
        """Run statements and return their results, with columns separated by `|`.

        :raise AssertionError: the server rejects one of them; the message is its own.
        """
        done = subprocess.run(
            [self.bin / "psql", "-XqAt", "--set", "ON_ERROR_STOP=1", "--dbname", database],
            input=statements,
            env=self.env | env,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def schema(self, database: str) -> str:
        """Return the database's schema as SQL."""
        dump = [self.bin / "pg_dump", "--schema-only", "--dbname", database]
        text = subprocess.run(dump, env=os.environ | self.env, text=True, capture_output=True, check=True).stdout
        return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)  # a random word in each dump


@contextmanager
def running() -> Iterator[Server]:
    """A server in its own folder, because its user can't enter pytest's."""
    need("postgresql")
    area = Path(tempfile.mkdtemp(prefix="postgres-tests-"))
    try:
        area.chmod(0o755)
        server = Server(area)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(area)
