"""The smoke test: a store's life on any cluster that has the platform, by kubectl and what a shopper sees.

``tox -e smoke``; 0 when every step that could be run passed, 1 with the step that did not and what the Store says.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys

from tests.cluster.waiting import WaitTimeout

from .kubectl import Kubectl, KubectlError
from .steps import STEPS, UNAVAILABLE, Life, NotRun


def main() -> int:
    """Run it; remove the stores whatever happens."""
    parser = argparse.ArgumentParser(prog="tox -e smoke --", description=__doc__)
    parser.add_argument("--base-url", default="", help="where the ingress controller answers, such as http://127.0.0.1")
    parser.add_argument("--owner", default="smoke-test", help="whose the stores are; yourself, unless you are an admin")
    parser.add_argument("--upgrade-to", default="", help="another version of Medusa that the platform has")
    parser.add_argument("--seconds", type=float, default=600, help="how long one step may take")
    arguments = vars(parser.parse_args())
    life = Life(Kubectl(), f"smoke-{secrets.token_hex(3)}", **arguments)
    try:
        return run(life)
    finally:
        names = [name for name in (life.name, life.clone) if life.store(name)]
        if names:
            life.kubectl.run("delete", "store", *names, "--ignore-not-found", "--wait=false")


def run(life: Life) -> int:
    """Each step with a line of its own, up to the first that fails."""
    passed, left_out = [], []
    for number, step in enumerate(STEPS):
        name = step.__name__.replace("_", " ")
        try:
            print(f"passed: {name} ({step(life)})", flush=True)
            passed.append(name)
        except NotRun as why:
            print(f"not run: {name} ({why})", flush=True)
            left_out.append(name)
        except (WaitTimeout, KubectlError, *UNAVAILABLE) as error:
            print(f"failed: {name}: {error}; the Store's status: {json.dumps(life.store().get('status'))}", flush=True)
            for later in STEPS[number + 1 :]:
                print(f"not run: {later.__name__.replace('_', ' ')} (an earlier step failed)", flush=True)
            return 1
    print(f"{len(passed)} steps passed, {len(left_out)} were not run: {', '.join(left_out) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
