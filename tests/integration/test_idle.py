"""Agents that have nothing to do cost next to nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, new_key, wait_for

WINDOW = 2.0  # seconds
SHARE = 0.01  # of a core


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@pytest.mark.parametrize("node", ["prefill-0", "decode-0"])
def test_an_idle_agent_takes_less_than_a_hundredth_of_a_core(cluster: Cluster, node: str) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    source.offer(key, 300)
    sink.receive(key, 300)
    assert sink.wait_end(key)["event"] == "done"
    pid = cluster.agent(node).popen.pid
    shares: list[float] = []

    def idle() -> bool:
        """Over one window: what the transfer left to do is over at last."""
        begin, used = time.monotonic(), cpu_seconds(pid)
        wait_for("a window", lambda: time.monotonic() >= begin + WINDOW)
        shares.append((cpu_seconds(pid) - used) / (time.monotonic() - begin))
        return shares[-1] < SHARE

    try:
        wait_for("the agent is idle", idle)
    finally:
        print("shares of a core:", shares)
