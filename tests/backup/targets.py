"""Archive targets for tests: a folder, and a bucket of a real S3 server."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import boto3
import requests
from botocore.config import Config

from ..cluster.processes import Process, free_ports
from ..cluster.waiting import wait_until
from . import users

KEY, SECRET = "AKIAKNOWNTOTHETESTS", "s3cr3t/Known+To/The=Tests"
BUCKET = "backups"


class Target(Protocol):
    """An archive target. `env`: a container's environment for it; paths are relative, such as `archives/NAME/FILE`."""

    env: Mapping[str, str]

    def paths(self) -> list[str]:
        """Return all files, sorted."""

    def read(self, path: str) -> bytes:
        """Return a file's content.

        :raise Exception: there is no such file.
        """

    def write(self, path: str, data: bytes) -> None:
        """Replace an existing file."""

    def remove(self, path: str) -> None:
        """Remove a file."""


class Volume:
    """A folder that belongs to the scripts' user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"BACKUP_DIR": str(folder)}

    def paths(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        (self.folder / path).write_bytes(data)

    def remove(self, path: str) -> None:
        (self.folder / path).unlink()


class S3Server:
    """A moto server process that starts empty.

    :param area: a folder for its log.
    :param host: the address it listens on.
    """

    def __init__(self, area: Path, host: str = "127.0.0.1") -> None:
        port = free_ports(1)[0]
        self.endpoint = f"http://{host}:{port}"
        command = [sys.executable, "-m", "moto.server", "--host", host, "--port", str(port)]
        self.process = Process("s3", command, area / f"s3-{port}.log")

    def start(self) -> None:
        """Start it, wait until it responds, and create the bucket."""
        self.process.start()
        answers = f"{self.endpoint}/moto-api/data.json"
        wait_until(lambda: requests.get(answers, timeout=5).ok, "the S3 server answers", stop_if=self.process.failure)
        client = self.client("s3")
        client.create_bucket(Bucket=BUCKET)
        # Without versioning moto, unlike S3, returns the version "null" for multipart uploads, and then rejects it.
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

        policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
        iam = self.client("iam")
        iam.create_user(UserName="store")
        iam.put_user_policy(UserName="store", PolicyName="all", PolicyDocument=policy)
        made = iam.create_access_key(UserName="store")["AccessKey"]
        self.keys = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}

    def require_keys(self, required: bool) -> None:
        """From now on, reject requests with keys other than `keys` (None: accept all)."""
        free = "0" if required else "inf"
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data=free, timeout=5).raise_for_status()

    def client(self, service: str) -> Any:
        """Return boto3's client for one of its services."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"max_attempts": 0}),
        )


class Bucket:
    """A prefix of an S3 server's bucket."""

    def __init__(self, server: S3Server, prefix: str) -> None:
        self.server = server
        self.prefix = prefix
        self.client = server.client("s3")
        self.env = {
            "BACKUP_S3_ENDPOINT": server.endpoint,
            "BACKUP_S3_BUCKET": BUCKET,
            "BACKUP_S3_PREFIX": prefix,
            "BACKUP_S3_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def paths(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        return sorted(
            each["Key"].removeprefix(f"{self.prefix}/") for page in pages for each in page.get("Contents", [])
        )

    def read(self, path: str) -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{path}")["Body"].read()

    def write(self, path: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{path}", Body=data)

    def remove(self, path: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=f"{self.prefix}/{path}")


def new_folder(area: Path, name: str) -> Path:
    """Return a new folder of the scripts' user."""
    folder = area / name
    folder.mkdir()
    return users.give(folder, users.SCRIPTS)
