"""Fixtures of the tests with the real vLLM; run them with tests/vllm/run.sh."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.vllm.deployment import Deployment, deployed  # noqa: E402


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, str(HERE / "tiny_model.py"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def running(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("deployment"), model) as made:
        yield made


@pytest.fixture
def deployment(running: Deployment, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """All of it works when a test begins; its logs are printed when the test fails."""
    running.mend()
    yield running
    print(running.logs())
