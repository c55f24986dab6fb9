"""Transfers between two GPUs; every word is compared."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.deployment import (
    DEADLINE,
    GPU_OF,
    LAYERS,
    NO_CUDA_IPC,
    VISIBLE,
    WAYS,
    GpuDeployment,
    ucx_has_cuda,
)
from tests.support.cluster import Engine, Json, new_key, program, wait_for

TOKENS = 4096  # 128 MiB
Deploy = Callable[..., GpuDeployment]


def received(sink: Engine, key: str, tokens: int = TOKENS) -> Json:
    """The end of a receive, which must be good."""
    end = sink.wait_end(key, deadline=DEADLINE)
    assert end["event"] == "done", end
    assert end["bytes"] == tokens * LAYERS * 4096
    assert sink.call("check", key) == 0
    return end


def sent_by_agent(deployment: GpuDeployment) -> float:
    """How many chunks P's agent has copied or put."""
    url = f"http://127.0.0.1:{deployment.ports['p_http']}/metrics"
    lines = str(deployment.ask("prefill-0", url)).splitlines()
    counters = [line for line in lines if line.startswith("pegaflow_chunks_sent_total{")]
    assert counters, lines
    return sum(float(line.split()[-1]) for line in counters)


@pytest.mark.parametrize("way", WAYS)
def test_layouts_that_differ(deploy: Deploy, way: str) -> None:
    deployment = deploy(way)
    source, sink = deployment.torch_engines(
        {"order": "bpthc", "block_tokens": 16},
        {"order": "bphtc", "block_tokens": 64, "n_blocks": 512},
    )
    for _ in range(3):
        key = new_key()
        sink.receive(key, TOKENS)
        source.offer(key, TOKENS)
        received(sink, key)
        assert source.wait_end(key, receive=False, deadline=DEADLINE)["event"] == "done"
        for engine in (source, sink):
            assert engine.call("give_back", key) is True
    # Who copied: P's kernels into D's slots, or P's agent from slot to slot.
    assert (sent_by_agent(deployment) > 0) == (way != "both")
    deployment.wait_all_free(DEADLINE)


def captured(engines: tuple[Engine, Engine], beyond: list[int]) -> None:
    """Returns when each engine has captured and replayed more graphs than that."""

    def all_have() -> bool:
        counts = [engine.call("captured") for engine in engines]
        for count in counts:
            assert isinstance(count, int), count["error"]
        return all(count > least for count, least in zip(counts, beyond))

    wait_for("graphs are captured", all_have, DEADLINE)


@pytest.mark.parametrize("visible", VISIBLE)
def test_what_streams_compute_while_graphs_are_captured(deploy: Deploy, visible: str) -> None:
    deployment = deploy(visible)
    engines = source, sink = deployment.torch_engines({}, {})
    keys = [new_key() for _ in range(6)]
    for key in keys[:3]:
        source.offer(key, TOKENS, ready=0)
    for engine in engines:
        assert engine.call("start_graphs") is True
    captured(engines, beyond=[0, 0])
    for key in keys[:3]:
        sink.receive(key, TOKENS)
        for layer in range(LAYERS):  # each layer moves while another graph is captured
            before = [engine.call("captured") for engine in engines]
            assert source.call("ready", key, first=layer, layers=layer + 1) is True
            captured(engines, before)
    ends = [sink.wait_end(key, deadline=DEADLINE) for key in keys[:3]]
    for engine in engines:
        assert isinstance(engine.call("stop_graphs"), int)
    assert [end["event"] for end in ends] == ["done"] * 3
    for key in keys[3:]:
        sink.receive(key, TOKENS)
        assert source.call("compute", key, tokens=TOKENS) is True
    for key in keys:
        received(sink, key)


def test_slots_in_host_memory(deploy: Deploy) -> None:
    deployment = deploy(host_slots=True)
    source, sink = deployment.torch_engines({}, {})
    for key in (new_key(), new_key()):
        sink.receive(key, TOKENS)
        source.offer(key, TOKENS)
        received(sink, key)
    deployment.wait_all_free(DEADLINE)


def test_many_at_once(deploy: Deploy) -> None:
    """More than there are slots for, in both engines' own time."""
    deployment = deploy(slots=16, window=8, slot_bytes=65536)
    source, sink = deployment.torch_engines({}, {})
    keys = [new_key() for _ in range(12)]
    for key in keys:
        sink.receive(key, 1024)
    for key in keys:
        source.offer(key, 1024)
    for key in keys:
        received(sink, key, 1024)
    deployment.wait_all_free(DEADLINE)


def test_a_ucx_link_shows_its_lanes(deploy: Deploy) -> None:
    status: Any = deploy("ucx").status("decode-0")
    assert "cuda_ipc" in status["links"][0]["transport"].split(", ")


def bouncing(folder: Path, tls: str) -> GpuDeployment:
    """Without cuda_ipc UCX has no lane that reads GPU memory."""
    if not ucx_has_cuda():
        pytest.skip(NO_CUDA_IPC)
    return GpuDeployment(folder, "ucx", ucx={name: {"tls": tls} for name in GPU_OF})


def test_a_ucx_link_that_would_bounce_through_the_host_is_refused(tmp_path: Path) -> None:
    deployment = bouncing(tmp_path, "tcp,cuda_copy")
    try:
        deployment.start_rendezvous()
        for name in GPU_OF:
            deployment.start_agent(name)
        links = wait_for("the link is refused", lambda: refused(deployment), DEADLINE)
        assert "GPU memory" in links[0]["reason"]
    finally:
        deployment.close()
        print(deployment.logs())


def test_an_agent_whose_ucx_does_not_know_gpu_memory_does_not_start(tmp_path: Path) -> None:
    deployment = bouncing(tmp_path, "tcp")
    try:
        deployment.start_rendezvous()
        with pytest.raises(AssertionError, match="registering region staging.*TLS needs cuda_copy"):
            deployment.start_agent("prefill-0")
    finally:
        deployment.close()


def refused(deployment: GpuDeployment) -> list[Json]:
    status = deployment.status("decode-0") or {"links": []}
    return [link for link in status["links"] if link["state"] == "refused"]


def test_an_agent_tells_what_it_has_of_a_gpu(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.torch_engines({}, {})
    for name, gpu in deployment.options["gpus"].items():
        status: Any = deployment.status(name)
        assert [entry["uuid"] for entry in status["gpus"]] == [gpu["uuid"]]
        entry = status["gpus"][0]
        assert entry["region_bytes"] == 32 << 20
        assert 0 < entry["context_bytes"] <= 600 << 20, entry


def test_pegaflowctl_shows_gpus_and_that_regions_export(deploy: Deploy) -> None:
    deployment = deploy()
    topology = ["--topology", str(deployment.topology_file)]

    def shown(*arguments: str) -> str:
        command = [program("pegaflowctl"), *arguments, *topology]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    status = shown("status")
    for gpu in deployment.options["gpus"].values():
        assert gpu["uuid"] in status
    probe = shown("probe", "prefill-0", "decode-0")
    assert probe.count("cuda    exported") == 2, probe
