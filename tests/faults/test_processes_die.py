"""Processes die, stop and come back in the middle of a transfer.

Each case: a typed result before its deadline, no byte of D's blocks changes after the result, all
slots free afterwards, and the next transfer works without restarting anything else.
"""

from __future__ import annotations

import pytest

from tests.support.cluster import Cluster, Engine, new_key, wait_for

TOKENS = 16384  # 32 MiB: 512 chunks of 64 KiB
QUICK = {"heartbeat_ms": 200, "dead_after_ms": 1000, "engine_tick_ms": 1000, "progress_ms": 2000}


def in_the_middle(cluster: Cluster, key: str) -> bool:
    """Some chunks of the transfer have arrived, and not all."""
    status = cluster.status("decode-0")
    if status is None:
        return False
    return any(
        t["key"] == key and 0 < t["chunks_done"] < t["chunks_total"] for t in status["transfers"]
    )


def begin(cluster: Cluster, half: bool = False) -> tuple[Engine, Engine, str]:
    """A transfer that has moved some chunks; `half`: it stands still with half the layers ready."""
    source = cluster.engine("prefill-0", n_blocks=1100)
    sink = cluster.engine("decode-0", n_blocks=2200)
    key = new_key()
    source.offer(key, TOKENS, ready=2 if half else 0)
    sink.receive(key, TOKENS, total_ms=15000)
    if not half:
        source._write({"do": "ready", "key": key, "layers": 4})
    wait_for("the transfer runs", lambda: in_the_middle(cluster, key) or sink.events)
    return source, sink, key


def next_works(cluster: Cluster, source: Engine, sink: Engine) -> None:
    cluster.wait_linked()
    key = new_key()
    source.offer(key, 300)
    sink.receive(key, 300)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
    cluster.wait_all_free()


def check_unchanged(sink: Engine, key: str) -> None:
    """D's engine reuses the blocks at once; nothing may touch them from then on."""
    assert sink.call("reuse", key) is True
    assert sink.call("changed", key) == 0


@pytest.mark.parametrize("half", [False, True])
def test_source_engine_is_killed(cluster: Cluster, half: bool) -> None:
    source, sink, key = begin(cluster, half)
    source.kill()
    end = sink.wait_end(key)
    if end["event"] == "done":  # it was quicker
        assert sink.call("check", key) == 0
    else:
        assert end["event"] == "failed" and end["reason"] in ("engine_lost", "gone"), end
        check_unchanged(sink, key)
    cluster.wait_all_free()
    next_works(cluster, cluster.engine("prefill-0", n_blocks=1100), sink)
    assert end["event"] == "done" or sink.call("changed", key) == 0


@pytest.mark.parametrize("half", [False, True])
def test_sink_engine_is_killed(cluster: Cluster, half: bool) -> None:
    source, sink, _ = begin(cluster, half)
    sink.kill()
    cluster.wait_all_free()
    assert source.call("alive") is True
    next_works(cluster, source, cluster.engine("decode-0"))


@pytest.mark.parametrize("half", [False, True])
def test_source_agent_is_killed(cluster: Cluster, half: bool) -> None:
    source, sink, key = begin(cluster, half)
    cluster.agent("prefill-0").kill()
    end = sink.wait_end(key)
    if end["event"] != "done":
        assert end["reason"] in ("link_lost", "engine_lost", "source_stalled"), end
        check_unchanged(sink, key)
    offer = source.wait_end(key, receive=False)
    assert offer["event"] in ("failed", "unconfirmed", "done"), offer
    cluster.start_agent("prefill-0")
    next_works(cluster, cluster.engine("prefill-0", n_blocks=1100), sink)


@pytest.mark.parametrize("half", [False, True])
def test_sink_agent_is_killed(cluster: Cluster, half: bool) -> None:
    source, sink, key = begin(cluster, half)
    cluster.agent("decode-0").kill()
    end = sink.wait_end(key)
    if end["event"] != "done":
        assert end["reason"] == "agent_lost", end
        check_unchanged(sink, key)
    cluster.start_agent("decode-0")
    next_works(cluster, source, cluster.engine("decode-0"))
    assert end["event"] == "done" or sink.call("changed", key) == 0


def test_rendezvous_is_killed_and_comes_back(cluster: Cluster) -> None:
    source, sink, key = begin(cluster, half=True)
    cluster.agent("rendezvous").kill()
    assert source.call("ready", key, layers=4) is True
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
    cluster.start_rendezvous()
    next_works(cluster, source, sink)
    wait_for("both agents are registered again", lambda: len(cluster.registered()) == 2)


def quick(function):  # type: ignore[no-untyped-def]
    """Runs the case with short deadlines."""
    function.cluster_options = {"deadlines": QUICK}
    return function


@quick
def test_source_engine_is_stopped_and_goes_on(cluster: Cluster) -> None:
    source, sink, key = begin(cluster)
    source.stop()
    end = sink.wait_end(key)
    if end["event"] != "done":
        assert end["reason"] in ("source_stalled", "engine_lost"), end
        check_unchanged(sink, key)
    source.resume()
    cluster.wait_all_free()
    assert end["event"] == "done" or sink.call("changed", key) == 0
    next_works(cluster, source, sink)


@quick
def test_sink_engine_is_stopped_and_goes_on(cluster: Cluster) -> None:
    source, sink, key = begin(cluster, half=True)
    sink.stop()
    assert source.call("ready", key, layers=4) is True
    wait_for("its agent gives up on it", lambda: cluster.all_free())
    sink.resume()
    end = sink.wait_end(key)
    assert end["event"] in ("failed", "done"), end
    next_works(cluster, source, sink)


@quick
def test_source_agent_is_stopped_and_goes_on(cluster: Cluster) -> None:
    source, sink, key = begin(cluster, half=True)
    cluster.agent("prefill-0").send(19)
    end = sink.wait_end(key)
    assert end["event"] == "failed" and end["reason"] in ("link_lost", "engine_lost"), end
    check_unchanged(sink, key)
    cluster.agent("prefill-0").send(18)
    cluster.wait_linked()
    assert sink.call("changed", key) == 0
    if source.call("alive") is not True:
        source = cluster.engine("prefill-0", n_blocks=1100)
    next_works(cluster, source, sink)


@quick
def test_sink_agent_is_stopped_and_goes_on(cluster: Cluster) -> None:
    source, sink, key = begin(cluster, half=True)
    cluster.agent("decode-0").send(19)
    end = sink.wait_end(key)
    assert end["event"] == "failed" and end["reason"] == "agent_lost", end
    check_unchanged(sink, key)
    cluster.agent("decode-0").send(18)
    cluster.wait_linked()
    assert sink.call("changed", key) == 0
    sink = sink if sink.call("alive") is True else cluster.engine("decode-0")
    if source.call("alive") is not True:
        source = cluster.engine("prefill-0", n_blocks=1100)
    next_works(cluster, source, sink)


@quick
def test_claimed_slots_of_a_stopped_engine_return_when_it_goes_on(cluster: Cluster) -> None:
    source = cluster.engine("prefill-0", n_blocks=1100)
    sink = cluster.engine("decode-0", n_blocks=2200)
    for _ in range(5):
        key = new_key()
        source.offer(key, TOKENS, ready=0)
        sink.receive(key, TOKENS)
        source._write({"do": "ready", "key": key, "layers": 4})
        wait_for("the transfer runs", lambda: in_the_middle(cluster, key) or sink.events)
        source.stop()
        sink.call("cancel", key)
        end = sink.wait_end(key)
        if end["event"] == "cancelled":
            check_unchanged(sink, key)
        source.resume()
        source.answers.get(timeout=20)
        cluster.wait_all_free()
        assert end["event"] == "done" or sink.call("changed", key) == 0
        sink.call("free", key)
        source.call("withdraw", key)
        source.call("free", key)
        sink.events.clear()


def test_sigterm_lets_a_running_transfer_finish(cluster: Cluster) -> None:
    source, sink, key = begin(cluster, half=True)
    cluster.agent("decode-0").send(15)
    assert source.call("ready", key, layers=4) is True
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
    assert cluster.agent("decode-0").popen.wait(20) == 0
