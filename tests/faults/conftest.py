"""Fixtures: a running deployment per link kind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.cluster import LINKS, Cluster  # noqa: E402


@pytest.fixture(params=sorted(LINKS))
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A running cluster on each kind of link; its logs are printed when the test fails."""
    options = getattr(request.function, "cluster_options", {})
    running = Cluster(tmp_path, request.param, **options)
    try:
        running.start()
        yield running
    finally:
        running.close()
        print(running.logs())
