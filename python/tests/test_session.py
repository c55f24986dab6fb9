"""Sessions: what can be told without an agent, and transfers with real ones."""

from __future__ import annotations

import array
import os
import select
import threading
import time
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="NumPy is not installed")
pegaflow = pytest.importorskip(
    "pegaflow", reason="not installed: pip install --no-build-isolation ./python"
)

LAYERS, BLOCKS, HEADS, CONTENT = 4, 64, 4, 32
PROMPT = 300  # tokens
DEADLINE = 20.0


class Engine:
    """One engine process's part: arrays, a session, a pool."""

    def __init__(self, socket_path: str, instance: str, block_tokens: int, order: str):
        self.block_tokens = block_tokens
        sizes = {"b": BLOCKS, "t": block_tokens, "h": HEADS, "c": CONTENT, "p": 2}
        names = {"b": "block", "t": "token", "h": "head", "c": "content", "p": "part"}
        self.layers = [np.zeros([sizes[d] for d in order], np.uint16) for _ in range(LAYERS)]
        self.order = order
        group = pegaflow.Group.from_arrays(self.layers, [names[d] for d in order])
        self.session = pegaflow.Session(socket_path, instance)
        self.pool = self.session.add_pool(pegaflow.Pool([group]))
        needed = -(-PROMPT // block_tokens)
        self.blocks = np.random.default_rng(1).permutation(BLOCKS)[:needed].astype(np.int32)

    def tokens(self, layer: int):
        """The sequence's KV of a layer: [token, part, head, content]."""
        by_name = np.einsum(f"{self.order}->btphc", self.layers[layer])
        return by_name[self.blocks].reshape(-1, 2, HEADS, CONTENT)[:PROMPT]

    def fill(self, seed: int) -> None:
        for number, layer in enumerate(self.layers):
            layer[...] = np.random.default_rng((seed, number)).integers(
                0, 1 << 16, layer.shape, np.uint16
            )

    def end_of(self, key: bytes) -> pegaflow.Event:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            for event in self.session.wait(DEADLINE):
                assert event.key == key
                if event.kind != pegaflow.EventKind.SENT:
                    return event
        raise TimeoutError("the transfer did not end")


@pytest.fixture
def engines(cluster):
    sockets = [str(cluster.folder / f"{node}.sock") for node in ("prefill-0", "decode-0")]
    pair = (
        Engine(sockets[0], "prefill", 16, "pbthc"),
        Engine(sockets[1], "decode", 32, "bhtpc"),
    )
    yield pair
    for engine in pair:
        engine.session.close()


def test_kv_cache_arrives_in_another_layout(engines):
    source, sink = engines
    source.fill(7)
    key = pegaflow.new_key()
    source.session.offer(key, source.pool, PROMPT)
    source.session.table(key, 0, 0, source.blocks)
    source.session.mark_cached(key, PROMPT)
    source.session.finish(key)
    sink.session.receive(key, sink.pool, "prefill", PROMPT, [(0, PROMPT, sink.blocks)], reference=0)
    end = sink.end_of(key)
    assert end.kind == pegaflow.EventKind.DONE, end
    assert end.receive
    assert end.valid_tokens == PROMPT
    assert end.stats.bytes == PROMPT * LAYERS * 2 * HEADS * CONTENT * 2
    assert end.stats.total_ns > 0
    assert source.end_of(key).kind == pegaflow.EventKind.DONE
    for layer in range(LAYERS):
        assert np.array_equal(source.tokens(layer), sink.tokens(layer))


def test_layers_travel_while_the_step_runs(engines):
    source, sink = engines
    source.fill(8)
    key = pegaflow.new_key()
    sink.session.receive(key, sink.pool, "prefill", PROMPT, [(0, PROMPT, sink.blocks)])
    source.session.offer(key, source.pool, PROMPT)
    source.session.table(key, 0, 0, source.blocks)
    source.session.begin_step([(key, 0, PROMPT)])
    for layer in range(LAYERS):
        source.session.layer_done(0, layer)
    source.session.end_step()
    assert sink.end_of(key).kind == pegaflow.EventKind.DONE
    for layer in range(LAYERS):
        assert np.array_equal(source.tokens(layer), sink.tokens(layer))


def test_intend_and_cancel(engines):
    source, sink = engines
    key = pegaflow.new_key()
    source.session.offer(key, source.pool, PROMPT)
    sink.session.intend(key, "prefill", PROMPT, reference=source.session.reference)
    assert sink.end_of(key).kind == pegaflow.EventKind.OFFERED
    sink.session.receive(key, sink.pool, "prefill", PROMPT, [(0, PROMPT, sink.blocks)])
    sink.session.cancel(key)
    end = sink.end_of(key)
    assert end.kind == pegaflow.EventKind.CANCELLED
    source.session.withdraw(key)
    assert source.end_of(key).kind == pegaflow.EventKind.WITHDRAWN


def test_a_disowned_key_is_refused_long_before_the_deadline_of_offers(engines):
    source, sink = engines
    key = pegaflow.new_key()
    sink.session.intend(key, "prefill", PROMPT)
    source.session.disown(key)
    event = sink.end_of(key)
    assert event.kind == pegaflow.EventKind.REFUSED
    # Whichever of the two came to the source's agent first.
    assert event.reason in (pegaflow.Reason.GONE, pegaflow.Reason.RELEASED)


def test_errors_carry_their_code(engines):
    source, _ = engines
    session = source.session
    key = pegaflow.new_key()
    with pytest.raises(pegaflow.PegaflowError) as caught:
        session.mark_cached(key, 1)
    assert caught.value.code == pegaflow.Code.NOT_FOUND
    assert key.hex() in str(caught.value)
    session.offer(key, source.pool, PROMPT)
    for bad, error in (
        (lambda: session.table(key, 0, 0, np.array([BLOCKS], np.int32)), pegaflow.PegaflowError),
        (lambda: session.table(key, 0, 0, np.array([-1], np.int32)), pegaflow.PegaflowError),
        (lambda: session.table(key, 0, 0, np.array([1], np.int64)), TypeError),
        (lambda: session.table(key, 0, 0, np.array([1.5], np.float32)), TypeError),
        (lambda: session.mark_ready(key, 0, (0, 1), (5, 6)), pegaflow.PegaflowError),
        (lambda: session.offer(b"short", source.pool, 1), ValueError),
        (lambda: session.offer(pegaflow.new_key(), source.pool, 1, lease=-1.0), ValueError),
    ):
        with pytest.raises(error):
            bad()
    session.table(key, 0, 0, array.array("i", [1, 2]))
    session.mark_ready(key, 0, (0, LAYERS), (0, 6))
    session.withdraw(key)


def test_waiting_leaves_the_interpreter_to_others(engines):
    session = engines[0].session
    counted = []
    counter = threading.Thread(target=lambda: counted.extend(range(1000)))
    waiter = threading.Thread(target=lambda: session.wait(0.3))
    waiter.start()
    counter.start()
    counter.join(DEADLINE)
    assert len(counted) == 1000
    waiter.join(DEADLINE)


def test_the_descriptor_is_readable_while_events_are_unread(engines):
    source, _ = engines
    assert select.select([source.session], [], [], 0)[0] == []
    key = pegaflow.new_key()
    source.session.offer(key, source.pool, PROMPT)
    source.session.withdraw(key)
    assert select.select([source.session], [], [], DEADLINE)[0] == [source.session]
    assert [event.kind for event in source.session.poll()] == [pegaflow.EventKind.WITHDRAWN]
    assert select.select([source.session], [], [], 0)[0] == []


def test_a_closed_session_says_so(engines):
    session = engines[0].session
    with session as same:
        assert same is session
        assert session.alive
    assert not session.alive
    with pytest.raises(pegaflow.PegaflowError) as caught:
        session.poll()
    assert caught.value.code == pegaflow.Code.FAILED_PRECONDITION
    session.close()


def test_a_forked_child_is_inert(engines):
    session = engines[0].session
    child = os.fork()
    if child == 0:
        try:
            session.release(pegaflow.new_key(), "prefill")
            os._exit(1)
        except pegaflow.PegaflowError as error:
            os._exit(0 if error.code == pegaflow.Code.FAILED_PRECONDITION else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert session.alive


def test_no_agent_is_unavailable(tmp_path: Path):
    with pytest.raises(pegaflow.PegaflowError) as caught:
        pegaflow.Session(str(tmp_path / "none.sock"), "prefill")
    assert caught.value.code == pegaflow.Code.UNAVAILABLE


def test_keys_are_random():
    assert len(pegaflow.new_key()) == 32
    assert pegaflow.new_key() != pegaflow.new_key()


def test_every_reason_and_kind_has_a_name():
    assert pegaflow.Reason.CHECKSUM.value == 20
    assert len(pegaflow.Reason) == 28
    assert len(pegaflow.EventKind) == 9
