"""Every benchmark, one after another: ``tox -e bench``. Figures are ratios of two things run together, since a
machine's absolute speed says nothing about the next one's.
"""

from . import hooks, lists

hooks.main()
lists.main()
