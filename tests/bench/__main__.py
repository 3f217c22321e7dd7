"""Run every benchmark, one after another (``tox -e bench``).

Results are ratios of two things run together, because the absolute speed depends on the machine.
"""

from . import hooks, lists

hooks.main()
lists.main()
