"""The engines: one folder each, plus ``common`` for what every store gets. Data only, no code.

``ENGINES`` is the folder that holds them, as it was installed.
"""

from importlib.resources import files
from pathlib import Path

ENGINES = Path(str(files(__name__)))
