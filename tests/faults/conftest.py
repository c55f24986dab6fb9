"""Fixtures: a running deployment per link kind; the cases of the fault matrix."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.cases import all_cases, quick_cases, rdma_cases  # noqa: E402
from tests.faults.deployments import RDMA_DEVICES  # noqa: E402
from tests.support.cluster import LINKS, Cluster  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="the whole fault matrix, not a part")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        chosen = all_cases() if metafunc.config.getoption("--all") else quick_cases()
        if RDMA_DEVICES:
            chosen = rdma_cases()
        chosen.sort(key=lambda case: case.link)
        metafunc.parametrize("case", chosen, ids=[str(case).replace(" ", ":") for case in chosen])


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
