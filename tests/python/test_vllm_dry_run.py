"""bench/vllm's sessions that move nothing: they answer every call of the connector's two parts."""

from __future__ import annotations

import dataclasses
import sys
import time
from array import array
from pathlib import Path

import pytest

pytest.importorskip("pegaflow", reason="pegaflow is not installed")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.vllm.dry_sessions import DryControl, DryWorker  # noqa: E402
from pegaflow.vllm.scheduler import GroupView, Identity, PdScheduler, RequestView  # noqa: E402
from pegaflow.vllm.scheduler import Scheduled  # noqa: E402
from pegaflow.vllm.settings import Settings  # noqa: E402
from pegaflow.vllm.steps import Step, Table  # noqa: E402
from pegaflow.vllm.worker import PdWorker  # noqa: E402

KEY = "ab" * 32
PROMPT = list(range(100))
PRODUCE = {"do_remote_decode": True, "pegaflow": {"v": 1, "key": KEY}}
FETCH = {"do_remote_prefill": True, "pegaflow": {"v": 1, "key": KEY, "instance": "prefill"}}
BLOCKS = [list(range(1, 8))]


class Held:
    """A connection that is always there."""

    def __init__(self, session):
        self.session = session


class Engine:
    """Both parts of the connector, as in one engine."""

    def __init__(self, name):
        settings = Settings.parse({"socket": "/s", "instance": name})
        me = Identity(name, 0, 1, 1, b"f" * 32, produces=True, consumes=True)
        self.scheduler = PdScheduler(settings, me, [GroupView(16)], Held(DryControl()))
        self.worker = PdWorker(settings, Held(DryWorker()), {"layer": (0, 0)}, lambda: 0)

    def step(self, shares=()):
        self.worker.begin(self.scheduler.build(shares, ()))
        self.worker.layer_done("layer")
        self.worker.end()
        results = self.worker.results()
        self.scheduler.update(results.received, {})
        return results

    def steps_until(self, wanted):
        """Empty steps, as of an engine that waits for nothing else."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            results = self.step()
            if wanted(results):
                return results
            time.sleep(0.001)  # poll interval
        raise AssertionError("it never came")


@pytest.fixture(autouse=True)
def signs(tmp_path, monkeypatch):
    monkeypatch.setenv("PEGAFLOW_BENCH_SIGNS", str(tmp_path))


def prefill(engine):
    """A prompt is computed; → what the router gets."""
    engine.scheduler.on_new_request(RequestView("p", PROMPT, PRODUCE))
    engine.step([Scheduled("p", BLOCKS, 0, 100, True)])
    kept, params = engine.scheduler.finished("p", True)
    assert kept
    assert engine.steps_until(lambda results: results.sent).sent == {"p"}
    return params


def decode(engine, params):
    """A request fetches it."""
    engine.scheduler.on_new_request(RequestView("d", PROMPT, params))
    assert engine.scheduler.matched("d", 0) == (100, True)
    engine.scheduler.allocated("d", BLOCKS, 100)


@pytest.mark.parametrize("serial", [False, True])
def test_a_prompt_goes_from_prefill_to_decode(serial):
    source, target = Engine("prefill"), Engine("decode")
    params = prefill(source)
    decode(target, params if serial else FETCH)
    results = target.steps_until(lambda results: results.received)
    assert results.received == {"d"} and not results.failed


def test_decode_is_told_only_when_prefill_has_computed():
    source, target = Engine("prefill"), Engine("decode")
    decode(target, FETCH)
    assert not any(target.step().received for _ in range(3))
    prefill(source)
    target.steps_until(lambda results: results.received)


def test_a_request_that_was_given_up_ends():
    target = Engine("decode")
    decode(target, FETCH)
    target.step()
    target.scheduler.finished("d", False)
    assert target.steps_until(lambda results: results.received).received == {"d"}


def test_what_was_never_fetched_is_released():
    target = Engine("decode")
    target.scheduler.on_new_request(RequestView("d", PROMPT, FETCH))
    target.scheduler.finished("d", False)
    assert target.scheduler.matched("d", 0) == (0, False)


def test_every_kind_of_order_is_understood():
    source, target = Engine("prefill"), Engine("decode")
    source.scheduler.on_new_request(RequestView("p", PROMPT, PRODUCE))
    decode(target, FETCH)
    made = source.scheduler.build([Scheduled("p", BLOCKS, 32, 68, True)], ())
    other = target.scheduler.build((), ())
    key = bytes.fromhex(KEY)
    table = Table(key, 0, 0, array("i", [1]), True)
    ends = Step([key], [key], [key], tables=[table], finishes=[(key, "p")], cancels=[key])
    for name in (field.name for field in dataclasses.fields(Step)):
        assert getattr(made, name) or getattr(other, name) or getattr(ends, name), name
    for step in (made, other, ends):
        source.worker.begin(step)
        source.worker.end()
    source.steps_until(lambda results: results.sent)
