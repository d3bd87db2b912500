"""Our own packages as a file, for the workers of a cluster: what the workers run is then what the driver runs, whatever they have.

Of the packages that we depend on they need those that read logs (docs/cluster.md lists them): these a cluster installs.
"""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path

_PACKAGES = ("expectations", "transforms", "pipelines")
_LEFT_OUT = frozenset({"__pycache__"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member: the same code is the same file


@cache
def packed() -> Path:
    """Return a zip file with our packages, made once for this process."""
    target = Path(tempfile.mkdtemp(prefix="rolescope-"), "rolescope.zip")
    root = Path(__file__).parents[1]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(each for package in _PACKAGES for each in (root / package).rglob("*")):
            if file.is_file() and not _LEFT_OUT.intersection(file.parts):
                member = zipfile.ZipInfo(str(file.relative_to(root)), _EPOCH)
                archive.writestr(member, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return target
