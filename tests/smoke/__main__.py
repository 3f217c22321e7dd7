"""The smoke test: a store's life on any cluster that has the platform, by kubectl and a shopper's pages.

``tox -e smoke``; exits with 0 if every step that could be run passed, otherwise with 1 after printing the failed step
and the Store's status.
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys

import yaml

from storeplatform.templates import ENGINES

from .kubectl import Kubectl, KubectlError
from .life import ENGINE, Life, NotRun
from .steps import FAILURES, STEPS


def main() -> int:
    """Run it; always remove the stores."""
    parser = argparse.ArgumentParser(prog="tox -e smoke --", description=__doc__)
    parser.add_argument("--base-url", default="", help="where the ingress controller answers, such as http://127.0.0.1")
    parser.add_argument("--owner", default="", help="whose the stores are, if not yours: an admin may say so")
    parser.add_argument("--from-version", default="", help="the version of Medusa that the store begins with")
    parser.add_argument("--upgrade-to", default="", help="another version of Medusa that the platform has")
    parser.add_argument("--bad-version", default="", help="a version that does not work, which has to be rolled back")
    parser.add_argument("--seconds", type=float, default=600, help="how long one step may take")
    arguments = vars(parser.parse_args())
    shipped = list(yaml.safe_load((ENGINES / ENGINE / "engine.yaml").read_text())["versions"])
    begin = arguments.pop("from_version")
    version, arguments["upgrade_to"] = versions(shipped, arguments["upgrade_to"])
    life = Life(Kubectl(), f"smoke-{secrets.token_hex(3)}", version=begin or version, **arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(life)
    finally:
        life.remove()


def versions(shipped: list[str], wanted: str) -> tuple[str, str]:
    """Return the version that the store starts with and the one that it is upgraded to; "" for the default or none.

    :param shipped: the engine's versions; the first is the default of a new store.
    :param wanted: the version that the user named.
    """
    if wanted or len(shipped) < 2:
        return "", wanted
    return shipped[1], shipped[0]


def run(life: Life) -> int:
    """Run each step with a line of its own, up to the first that fails, and print a summary."""
    passed, left_out, failed = 0, [], ""
    for step in STEPS:
        name = step.__name__.replace("_", " ")
        try:
            if failed:
                raise NotRun("an earlier step failed")
            print(f"passed: {name} ({step(life)})", flush=True)
            passed += 1
        except NotRun as why:
            print(f"not run: {name} ({why})", flush=True)
            left_out.append(name)
        except FAILURES as error:
            print(f"failed: {name}: {error}; {said(life)}", flush=True)
            failed = f"{name} failed, "
    print(f"{failed}{passed} steps passed, {len(left_out)} were not run: {', '.join(left_out) or 'none'}")
    return 1 if failed else 0


def said(life: Life) -> str:
    """Return the status of each Store that was created."""
    try:
        return "; ".join(f"status of {name}: {json.dumps(life.store(name).get('status'))}" for name in life.made)
    except KubectlError as error:
        return f"their status can't be read: {error}"


if __name__ == "__main__":
    sys.exit(main())
