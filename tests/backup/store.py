"""One store as its backup container sees it: its database, uploads, archives, and the scripts."""

import dataclasses
import json
import shutil
import signal
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import postgres, targets, users
from .postgres import Server
from .targets import Target, new_folder

IMAGE = Path(__file__).parents[2] / "templates/common/images/backup"
SECRETS = (postgres.SECRET, targets.SECRET)
# A wrapper around a program: it counts and logs its calls, then kills the whole run at call number KILL_AT, or after
# part of its input in the call whose arguments contain TORN; otherwise it runs the program.
STEP = """#!/bin/sh
printf '%s %s\\n' {name} "$(/usr/bin/tr '\\0\\n' '  ' </proc/$$/cmdline)" >>"${{STEPS:-/dev/null}}"
if [ -n "$KILL_AT" ] && [ "$(/usr/bin/wc -l <"$STEPS")" -ge "$KILL_AT" ]; then kill -s KILL 0; fi
if [ -n "$TORN" ]; then case "{name} $*" in *"$TORN"*)
  /usr/bin/head -c 4096 | {program} "$@"
  kill -s KILL 0;;
esac; fi
exec {program} "$@"
"""
# Programs that write, read or remove something; the others only compute. Those that change something, by kind of target
# (cat writes to a volume): between two of these calls nothing changes.
WRITERS = {"volume": ("cat", "mkdir", "mv", "psql", "rm", "sync", "tar"), "s3": ("rclone",)}
OTHERS = ("awk", "cut", "find", "grep", "pg_dump", "pg_restore", "psql", "sed", "sha256sum", "stat", "tar", "tee")
CLOCK = """#!/bin/sh
case "$*" in *--date=*) exec /bin/date "$@";; esac
exec /bin/date --date="$NOW" "$@"
"""


def install(area: Path) -> Path:
    """Install the scripts in a folder as the Dockerfile does; return the folder of their entry script."""
    shutil.copytree(IMAGE, area / "lib/store-backup")
    (area / "bin").mkdir()
    (area / "bin/store-backup").symlink_to("../lib/store-backup/store-backup")
    return area / "bin"


@dataclasses.dataclass
class BackupStore:
    """The store of one test.

    :param scripts: the folder that `install` returned.
    :param area: a folder for this test.
    """

    server: Server
    database: str
    target: Target
    area: Path
    scripts: Path

    def __post_init__(self) -> None:
        self.home = self.area / "home"
        self.home.mkdir(mode=0o555)
        self.tmp = new_folder(self.area, "tmp")
        self.uploads = new_folder(self.area, "uploads")
        self.stubs = self.area / "stubs"
        self.stubs.mkdir()
        self.env = self.server.env | dict(self.target.env) | {"PGDATABASE": self.database, "HOME": str(self.home)}
        self.env |= {"TMPDIR": str(self.tmp), "UPLOADS_DIR": str(self.uploads)}
        self.env["BACKUP_WAIT_SECONDS"] = "0"  # overridden where a test is about waiting
        self.env["PATH"] = f"{self.stubs}:{self.scripts}:{self.server.bin}:/usr/bin:/bin"

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        """Start `store-backup` in its own process group; a variable that is "" is unset."""
        environment = {name: value for name, value in (self.env | env).items() if value}
        return subprocess.Popen(
            ["store-backup", *args],
            executable=self.scripts / "store-backup",
            env=environment,
            cwd="/",
            user=users.SCRIPTS,
            group=users.SCRIPTS,
            extra_groups=None if users.SCRIPTS is None else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `store-backup` to its end, and check what must hold for every run.

        :raise AssertionError: it printed a secret or more than one line of error, or left something in /tmp or HOME.
        """
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=60)
        done = subprocess.CompletedProcess(args, process.returncode, out, err)
        assert not [secret for secret in SECRETS if secret in out + err], "a secret was printed"
        if done.returncode == -signal.SIGKILL:
            for left in self.tmp.iterdir():  # as a container's /tmp disappears with it
                shutil.rmtree(left)
            return done
        assert err.count("\n") == (1 if done.returncode else 0), f"not one line: {err}"
        assert err == "" or err.startswith("store-backup: "), err
        assert not list(self.tmp.iterdir())
        assert not list(self.home.iterdir())
        return done

    def ok(self, *args: str, **env: str) -> str:
        """Run it, check that it succeeds, and return its output."""
        done = self.run(*args, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, code: int, *args: str, **env: str) -> str:
        """Run it, check that it fails with this code, and return its line of error."""
        done = self.run(*args, **env)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        return done.stderr

    def backup(self, now: str, **env: str) -> str:
        """Make an archive at a time that the test chooses, and return its name."""
        self.clock()
        return self.ok("backup", NOW=now, **env).split()[1]

    def listed(self) -> list[dict[str, Any]]:
        """Return what `list` prints: `{"made", "name", "bytes"}` for each complete archive."""
        return [json.loads(line) for line in self.ok("list").splitlines()]

    def names(self) -> list[str]:
        """Return the names that `list` prints."""
        return [each["name"] for each in self.listed()]

    def clock(self) -> None:
        """Make `date` return the time in NOW."""
        self.stub("date", CLOCK)

    def stub(self, name: str, text: str) -> None:
        """Put a program in front of another one of the same name."""
        path = self.stubs / name
        path.write_text(text)
        path.chmod(0o755)

    def count_steps(self, *others: str) -> str:
        """Make every writer (and others) log its calls to the file in STEPS; return that file, empty."""
        steps = self.area / "steps"
        steps.write_text("")
        steps.chmod(0o666)
        for name in WRITERS["s3" if "BACKUP_S3_BUCKET" in self.env else "volume"] + others:
            path = f"{self.server.bin}:/usr/bin:/bin"
            self.stub(name, STEP.format(name=name, program=shutil.which(name, path=path)))
        return str(steps)

    def shrink(self) -> None:
        """Make database and uploads small, for tests with many runs."""
        self.sql('DROP TABLE purchase, product, customer CASCADE; DROP SCHEMA "Weird ""schema""" CASCADE')
        shutil.rmtree(self.uploads / "deep")

    def sql(self, statements: str) -> str:
        """Like `Server.sql`, in the store's database."""
        return self.server.sql(statements, self.database)


def whole(target: Target) -> list[str]:
    """Return the archives that have a manifest, after checking each file against it.

    :raise AssertionError: a file differs from the manifest.
    """
    found = []
    for path in target.paths():
        kind, name, file = path.split("/")
        if file != "manifest.json" or name.startswith(".partial-"):
            continue
        manifest: Mapping[str, Any] = json.loads(target.read(path))
        data = {each: target.read(f"{kind}/{name}/{each}") for each in manifest["sha256"]}
        assert {each: sha256(value).hexdigest() for each, value in data.items()} == manifest["sha256"], path
        assert sum(map(len, data.values())) == manifest["bytes"]
        found.append(manifest["name"])
    return found
