"""Sessions: an instance of two tensor-parallel ranks has offered when both of them have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="NumPy is not installed")
pegaflow = pytest.importorskip("pegaflow", reason="pegaflow is not installed")

PROMPT, BLOCK_TOKENS, BLOCKS = 100, 16, 8
DEADLINE = 20.0


@pytest.fixture
def start(tmp_path: Path):
    """A deployment with the given deadlines: prefill's two sessions, and decode's scheduler."""
    if "PEGAFLOW_BIN_DIR" not in os.environ:
        pytest.skip("PEGAFLOW_BIN_DIR is not set: no agent to test the package with")
    from tests.support.cluster import Cluster

    made = []

    def make(**deadlines):
        cluster = Cluster(tmp_path, "direct", deadlines=deadlines)
        made.append(cluster)
        cluster.start()
        ranks = [pegaflow.Rank(tp=tp, tp_size=2) for tp in range(2)]
        socket = str(tmp_path / "prefill-0.sock")
        prefill = [pegaflow.Session(socket, "prefill", rank=rank) for rank in ranks]
        pools = [session.add_pool(pool_of(rank)) for session, rank in zip(prefill, ranks)]
        socket = str(tmp_path / "decode-0.sock")
        role = pegaflow.SessionRole.CONTROL
        made.extend([*prefill, pegaflow.Session(socket, "decode", role=role)])
        return prefill, pools, made[-1]

    yield make
    for one in reversed(made):
        one.close()


def pool_of(rank):
    layer = np.zeros((BLOCKS, 256), np.uint8)
    group = pegaflow.Group.opaque(
        [layer],
        ("block", "content"),
        block_tokens=BLOCK_TOKENS,
        digest=b"d" * 16,
        heads_total=2,
    )
    return pegaflow.Pool([group], rank=rank)


def test_an_intent_that_comes_first_is_answered_when_both_ranks_have_offered(start):
    prefill, pools, scheduler = start(lease_ms=600_000)  # an intent is repeated after a third of it
    key, known = pegaflow.new_key(), pegaflow.new_key()

    def offer(key):
        for session, pool in zip(prefill, pools):
            session.offer(key, pool, PROMPT)

    offer(known)
    scheduler.intend(key, "prefill", PROMPT)
    scheduler.intend(known, "prefill", PROMPT)
    (event,) = scheduler.wait(DEADLINE)
    assert event.key == known  # so prefill's agent has the other intent, too
    offer(key)
    (event,) = scheduler.wait(DEADLINE)
    assert (event.key, event.kind) == (key, pegaflow.EventKind.OFFERED)


def test_one_rank_that_answers_twice_is_not_two(start):
    prefill, pools, scheduler = start(lease_ms=300, offer_wait_ms=2000)
    key = pegaflow.new_key()
    scheduler.intend(key, "prefill", PROMPT)
    prefill[0].offer(key, pools[0], PROMPT)
    (event,) = scheduler.wait(DEADLINE)
    assert event.kind == pegaflow.EventKind.REFUSED
    assert event.reason == pegaflow.Reason.OFFER_TIMEOUT
