"""Imports are most of the cost of a service's start, so a service imports no library that it does not use.

These tests compare the loaded modules, and measure no time: ``python -m tests.bench.starting`` has the seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MODELS = (
    "kubernetes.client.models.v1_pod",
    "kubernetes.client.api.core_v1_api",
    "kubernetes.client.api.custom_objects_api",
)
WHERE_CONFIGURED = ("redis", "psycopg", "asyncpg", "sqlalchemy.dialects.postgresql", "flask_cors", "authlib", "dns")
WEB = ("flask", "gunicorn", "gevent", "werkzeug", "jinja2")
NOT_IMPORTED = {
    "storeplatform.hooks.__main__": (*WHERE_CONFIGURED, "kubernetes", "requests", "urllib3", "sqlalchemy"),
    "storeplatform.api.__main__": WHERE_CONFIGURED,
    "storeplatform.api.gate.__main__": (*WHERE_CONFIGURED, "limits", "jwt", "flask_limiter", "apispec"),
    "storeplatform.api.controllers.__main__": (*WHERE_CONFIGURED, *WEB, "sqlalchemy", "babel", "jwt"),
    "storeplatform.api.relay.__main__": (*WHERE_CONFIGURED, *WEB, "kubernetes", "sqlalchemy", "requests"),
    "storeplatform.api.reaper": (*WHERE_CONFIGURED, *WEB, "sqlalchemy", "marshmallow", "structlog"),
    "storeplatform.dashboard.__main__": (*WHERE_CONFIGURED, "kubernetes", "sqlalchemy", "joserfc"),
}


def imported_by(module: str) -> set[str]:
    """Every module that is loaded once that one is, in a process of its own."""
    code = f"import json, sys, {module}; json.dump(sorted(sys.modules), sys.stdout)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(found.stdout))


@pytest.mark.parametrize("module", NOT_IMPORTED)
def test_a_service_imports_only_what_it_uses(module: str) -> None:
    assert not set(NOT_IMPORTED[module]) & imported_by(module)


def test_calls_of_the_api_server_import_none_of_the_client_s_models() -> None:
    code = (
        "import sys; from kubernetes import client, watch; from storeplatform.api.cluster import Cluster, TimedClient;"
        "from storeplatform.api.controllers.reach import Reach; from storeplatform.api.leases import Leases;"
        "cluster = Cluster(TimedClient(client.Configuration())); Leases(cluster, 'n'), Reach(cluster);"
        "watch.Watch().get_return_type(cluster.open_watch);"
        "parts = tuple(f'kubernetes.client.{each}.' for each in ('api', 'models'));"
        "assert not [each for each in sys.modules if each.startswith(parts)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_greenlets_work_although_gevent_searches_for_no_plug_ins() -> None:
    code = (
        "from storeplatform.common import starting; from importlib import metadata; before = metadata.entry_points;"
        "starting.begin_with_greenlets(); import gc, socket; from gevent import monkey;"
        "assert monkey.is_module_patched('socket') and metadata.entry_points is before and not gc.isenabled();"
        "starting.begun(); assert gc.isenabled() and gc.get_freeze_count()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
