"""What is installed into a cluster: CRDs, the CompositeController, RBAC, policies. Data only, no code.

``MANIFESTS`` is the installed folder that contains them.
"""

from importlib.resources import files
from pathlib import Path

MANIFESTS = Path(str(files(__name__)))
