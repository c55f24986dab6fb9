"""pegaflow-demo with its engines' KV on two GPUs."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.gpu.deployment import NO_CUDA_IPC, ucx_has_cuda
from tests.support.cluster import program


def test_the_demo_moves_kv_between_gpus() -> None:
    command = [program("pegaflow-demo"), "--memory", "cuda", "--json", "--requests", "12"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-4000:]
    result = json.loads(run.stdout)
    assert result["memory"] == "cuda"
    assert {link["path"] for link in result["links"]} == {"direct", "ucx"}
    for link in result["links"]:
        assert link["finished"] == 12
        assert link["mismatches"] == 0


def test_the_demo_over_cuda_ipc() -> None:
    if not ucx_has_cuda():
        pytest.skip(NO_CUDA_IPC)
    command = [program("pegaflow-demo"), "--memory", "cuda", "--json", "--requests", "12"]
    command += ["--link", "ucx", "--transport", "cuda_ipc"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-4000:]
    (link,) = json.loads(run.stdout)["links"]
    assert "cuda_ipc" in link["transport"]
    assert link["mismatches"] == 0


def test_a_damaged_byte_is_noticed() -> None:
    """The comparison looks at what is on the GPU."""
    command = [program("pegaflow-demo"), "--memory", "cuda", "--link", "mapped"]
    command += ["--requests", "4", "--corrupt", "2"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert run.returncode == 1
    assert "request 2" in run.stderr
