"""Transfers between real processes, on every kind of link."""

from __future__ import annotations

import pytest

from tests.support.cluster import Cluster, new_key

TOKENS = 300  # 4 layers, 4 heads, K and V of 64 bytes: 600 KiB


def run_one(cluster: Cluster, source, sink, tokens: int = TOKENS, **arguments) -> None:
    key = new_key()
    source.offer(key, tokens)
    sink.receive(key, tokens, **arguments)
    end = sink.wait_end(key)
    assert end["event"] == "done", end
    assert sink.call("check", key) == 0
    assert source.wait_end(key, receive=False)["event"] == "done"
    source.call("free", key)
    sink.call("free", key)


def test_bytes_arrive_between_different_layouts(cluster: Cluster) -> None:
    source = cluster.engine("prefill-0", block_tokens=16, style="hnd")
    sink = cluster.engine("decode-0", block_tokens=32, style="nhd")
    for _ in range(5):
        run_one(cluster, source, sink)
    cluster.wait_all_free()


def test_a_prefix_that_is_there_already_is_left_out(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    run_one(cluster, source, sink, begin=128)
    run_one(cluster, source, sink, begin=299)


def test_the_receive_may_come_first(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    sink.receive(key, TOKENS)
    source.offer(key, TOKENS)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0


def test_layers_travel_as_they_become_ready(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    source.offer(key, TOKENS, ready=1)
    sink.receive(key, TOKENS)
    for layers in (2, 3):
        source.call("ready", key, layers=layers)
    assert sink.terminal(key, True) == []
    source.call("ready", key, layers=4)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0


def test_tensor_parallel_2_to_1_and_1_to_2(cluster: Cluster) -> None:
    sources = [cluster.engine("prefill-0", tp=rank, tp_size=2) for rank in (0, 1)]
    sink = cluster.engine("decode-0")
    key = new_key()
    for source in sources:
        source.offer(key, TOKENS)
    sink.receive(key, TOKENS)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
    for source in sources:
        assert source.wait_end(key, receive=False)["event"] == "done"


def test_one_source_feeds_two_ranks(cluster: Cluster) -> None:
    source = cluster.engine("prefill-0")
    sinks = [cluster.engine("decode-0", tp=rank, tp_size=2) for rank in (0, 1)]
    key = new_key()
    source.offer(key, TOKENS)
    for sink in sinks:
        sink.receive(key, TOKENS)
    for sink in sinks:
        assert sink.wait_end(key)["event"] == "done"
        assert sink.call("check", key) == 0
    assert source.wait_end(key, receive=False)["event"] == "done"


def test_many_at_once(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    keys = [new_key() for _ in range(20)]
    for key in keys:
        sink.receive(key, TOKENS)
    for key in keys:
        source.offer(key, TOKENS)
    for key in keys:
        assert sink.wait_end(key)["event"] == "done"
        assert sink.call("check", key) == 0
    cluster.wait_all_free()


def test_wrong_prompt_under_a_right_key(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    source.offer(key, TOKENS, content=1)
    sink.receive(key, TOKENS, content=2)
    end = sink.wait_end(key)
    assert (end["event"], end["reason"]) == ("failed", "content")
    run_one(cluster, source, sink)


def test_unknown_key_ends_by_offer_wait(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    sink.receive(key, TOKENS, offer_wait_ms=300)
    end = sink.wait_end(key)
    assert (end["event"], end["reason"]) == ("failed", "offer_timeout")
    run_one(cluster, source, sink)
    cluster.wait_all_free()


def test_never_ready_beside_one_that_is(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    idle = [new_key() for _ in range(12)]
    for key in idle:
        source.offer(key, 100, ready=0)
        sink.receive(key, 100)
    run_one(cluster, source, sink)
    for key in idle:
        assert sink.call("cancel", key) is True
        assert sink.wait_end(key)["event"] == "cancelled"
    cluster.wait_all_free()


def test_withdrawn_offer(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    source.offer(key, TOKENS, ready=1)
    sink.receive(key, TOKENS)
    assert source.call("withdraw", key) is True
    assert source.wait_end(key, receive=False)["event"] == "withdrawn"
    end = sink.wait_end(key)
    # released: the withdrawal came before the grant
    assert end["event"] == "failed" and end["reason"] in ("withdrawn", "released"), end
    run_one(cluster, source, sink)
    cluster.wait_all_free()


def test_intent_is_answered_when_the_offer_comes(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    sink.call("intend", key, tokens=TOKENS, source="prefill")
    source.offer(key, TOKENS)
    assert sink.wait_end(key, receive=False)["event"] == "offered"
    sink.receive(key, TOKENS)
    assert sink.wait_end(key)["event"] == "done"


@pytest.mark.parametrize(
    "field, value, says",
    [("layers", 6, "layers differs: source 4, sink 6"), ("head_bytes", 32, "part_bytes[0]")],
)
def test_pools_that_disagree_are_refused(
    cluster: Cluster, field: str, value: int, says: str
) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    wrong = cluster.engine("decode-0", instance="other", **{field: value})
    key = new_key()
    source.offer(key, TOKENS)
    wrong.receive(key, TOKENS)
    end = wrong.wait_end(key)
    assert (end["event"], end["reason"]) == ("failed", "plan") and says in end["detail"], end
    cluster.wait_all_free()
    run_one(cluster, source, sink)


def test_receive_twice_is_refused(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    sink.receive(key, TOKENS)
    answer = sink.call("receive", key, tokens=TOKENS, source="prefill")
    assert answer["code"] == "already_exists"
    source.offer(key, TOKENS)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
    run_one(cluster, source, sink)
    cluster.wait_all_free()
