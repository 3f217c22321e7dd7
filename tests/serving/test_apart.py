"""Work in a real thread ends before the greenlet that started it, even if that is killed."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from gevent import monkey
monkey.patch_all()
import gevent
from storeplatform.common.serving.apart import apart

done = []
wait = monkey.get_original("time", "sleep")
asking = gevent.spawn(apart, lambda: (wait(0.3), done.append("thread")))
asking.link(lambda _: done.append("greenlet"))
gevent.sleep(0.1)
asking.kill()
gevent.sleep(0.1)
print(done)
"""


def test_a_killed_greenlet_ends_after_its_thread() -> None:
    shown = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout == "['thread', 'greenlet']\n"
