"""Fixtures of the package's tests. They test the installed package: pip install ./python"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


@pytest.fixture(params=["direct", "agent"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A running deployment; its logs are printed when the test fails."""
    if "PEGAFLOW_BIN_DIR" not in os.environ:
        pytest.skip("PEGAFLOW_BIN_DIR is not set: no agent to test the package with")
    from tests.support.cluster import Cluster

    running = Cluster(tmp_path, request.param)
    try:
        running.start()
        yield running
    finally:
        running.close()
        print(running.logs())
