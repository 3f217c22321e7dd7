"""The engine of docs/write-an-engine.md: the guide shows the real files, and it serves a shop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from ..cluster.processes import free_ports
from ..containers.image import built
from ..containers.sandbox import Cluster
from ..debian import need
from ..stores.engines import TINY, with_tiny
from .ingress import Ingress
from .rendering import render

GUIDE = TINY.parent / "write-an-engine.md"


@pytest.mark.parametrize("file", ["engine.yaml", "policies.yaml", "web.yaml", "images/web/Dockerfile"])
def test_the_guide_shows_the_files_that_are_run(file: str) -> None:
    blocks = re.findall(r"^```\w+\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert (TINY / file).read_text() in blocks


def test_its_image_is_named_and_built_as_the_guide_says(tmp_path: Path) -> None:
    env = {**os.environ, "IMAGE_PREFIX": "registry.example.com/stores/"}
    command = ["bash", str(with_tiny(tmp_path) / "build-images"), "--list"]
    listed = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
    assert "registry.example.com/stores/store-tiny-web:1.0" in listed


def test_its_store_serves_its_page_under_its_address(tmp_path: Path) -> None:
    need("bubblewrap")
    tmp_path.chmod(0o755)
    (port,) = free_ports(1)
    shop = {"title": "Käse & $(PORT)", "country": "DE", "currency": "EUR"}
    objects = render(tmp_path, {"web": port}, "tiny", with_tiny(tmp_path), hostname="tiny.example.com", shop=shop)
    files = {"/app/web.py": TINY / "images" / "web" / "web.py"}
    image = built(TINY / "images" / "web" / "Dockerfile", files, [Path(sys.base_prefix) / "bin"])
    cluster = Cluster(objects, {"store-tiny-web:1.0": image}, tmp_path)
    ingress = Ingress(cluster.find("Ingress", "store"), {"web": port}, tmp_path)
    try:
        cluster.start("Deployment", "web")
        ingress.start()
        page = requests.get("http://tiny.example.com/", proxies={"http": ingress.url}, timeout=30)
        assert (page.status_code, page.text) == (200, "<!doctype html><title>Käse &amp; $(PORT)</title>")
    finally:
        ingress.stop()
        cluster.stop()
