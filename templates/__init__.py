"""The engines: one folder each, and ``common`` for what every store gets. Data only, no code.

``ENGINES`` is the installed folder that contains them.
"""

from importlib.resources import files
from pathlib import Path

ENGINES = Path(str(files(__name__)))
