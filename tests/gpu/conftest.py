"""Tests on two GPUs skip, with what is missing, where they cannot run."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.gpu.deployment import (  # noqa: E402
    NO_CUDA_IPC,
    GpuDeployment,
    gpu_uuids,
    ucx_has_cuda,
)


def missing() -> str:
    """What these tests need and this machine has not; empty: nothing."""
    found = len(gpu_uuids())
    if found < 2:
        return f"needs two GPUs; this machine has {found}"
    for package in ("torch", "pegaflow"):
        if importlib.util.find_spec(package) is None:
            return f"needs the Python package {package}"
    return ""


@pytest.fixture(scope="session", autouse=True)
def two_gpus() -> None:
    why = missing()
    if why:
        pytest.skip(why)


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Callable[..., GpuDeployment]]:
    """Starts deployments; their logs are printed when the test fails."""
    running: list[GpuDeployment] = []

    def start(way: str = "both", **options: Any) -> GpuDeployment:
        if way == "ucx" and not ucx_has_cuda():
            pytest.skip(NO_CUDA_IPC)
        folder = tmp_path / str(len(running))
        folder.mkdir()
        deployment = GpuDeployment(folder, way, **options)
        running.append(deployment)
        deployment.start()
        return deployment

    yield start
    for deployment in running:
        deployment.close()
        print(deployment.logs())
