"""scikit-build-core, plus the C++ sources in the sdist.

The package is built from the repository, whose C++ sources lie beside this folder. An sdist has no
beside, so a copy of what the package needs goes into it, as `native/`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import scikit_build_core.build as backend
from scikit_build_core.build import (  # noqa: F401  (hooks of PEP 517 and 660)
    build_editable,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

HERE = Path(__file__).resolve().parents[1]
NEEDED = ["LICENSE", "cmake", "include", "src/base", "src/core", "src/wire", "src/memory"]
NEEDED += ["src/client"]


def build_sdist(directory: str, settings: dict[str, Any] | None = None) -> str:
    """Builds an sdist that can be built without the repository."""
    native = HERE / "native"
    if native.exists():  # this is an unpacked sdist
        return backend.build_sdist(directory, settings)
    try:
        for name in NEEDED:
            source, target = HERE.parent / name, native / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        return backend.build_sdist(directory, settings)
    finally:
        shutil.rmtree(native)
