"""bench/vllm: notes become stages that add up to the TTFT; lines become tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.vllm import report, servers, stages  # noqa: E402
from bench.vllm.client import Client, Sample  # noqa: E402

MS = 1_000_000
KEY = "ab" * 32


def note(at: str, what: str, ms: float, **more):
    return {"t": int(ms * MS), "at": at, "what": what, **more}


def notes(receive: float, done: float, total: float, last_ready: float):
    """A request pf7: prefill steps from 3 ms to `last_ready`, decode's load ends as given.

    Prefill's engine ends it 1 ms after the last layer; decode has it at 1.5 ms, or, if it asks only
    after `last_ready`, half a millisecond before it asks; its first step begins at 53 ms and its
    result is there at 58.
    """
    told = {"total_ns": int(total * MS), "last_ready_ns": int(last_ready * MS), "grant_ns": 5 * MS}
    arrives = receive - 0.5 if receive > last_ready else 1.5
    return [
        note("decode", "new", arrives, req="cmpl-pf7-0-00c0ffee", key=KEY),
        note("layer-prefill", "new", 2, req="cmpl-pf7-0-0badcafe", key=KEY),
        note("layer-prefill", "new", 2.5, req="cmpl-pf7-0-0badcafe", key=KEY),
        note("layer-prefill", "step", 3, key=KEY, begin=0, end=512),
        note("layer-prefill", "launched", 4, key=KEY),
        note("layer-prefill", "ended", last_ready + 1, req="cmpl-pf7-0-0badcafe"),
        note("decode", "receive", receive, key=KEY),
        note("layer-prefill", "done", done, key=KEY, receive=False),
        note("decode", "done", done, key=KEY, receive=True, **told),
        note("decode", "admitted", 53, key=KEY),
        note("decode", "sampled", 58, key=KEY),
        note("decode", "ended", 90, req="cmpl-pf7-0-00c0ffee"),
    ]


def parts(sample: Sample, found):
    return stages.Notes(found).parts_ms(sample)


def test_stages_of_both_dispatch_modes():
    sample = Sample("pf7", sent=1 * MS, came=[60 * MS, 65 * MS])
    concurrent = parts(sample, notes(receive=5, done=52, total=45, last_ready=40))
    assert [concurrent[name] for name in stages.PARTS] == [1, 1, 37, 0, 10, 2, 1, 5, 2]
    assert [concurrent[name] for name in stages.HAND_OVER] == [0, 0, 0]
    serial = parts(sample, notes(receive=44, done=52, total=7, last_ready=40))
    assert [serial[name] for name in stages.PARTS] == [1, 1, 37, 4, 7, 1, 1, 5, 2]
    assert [serial[name] for name in stages.HAND_OVER] == [1, 2.5, 0.5]
    for found in (concurrent, serial):
        assert sum(found[name] for name in stages.PARTS) == pytest.approx(sample.ttft_ms)
    assert concurrent["grant"] == 5


def test_without_last_ready_the_launch_counts():
    sample = Sample("pf7", sent=1 * MS, came=[60 * MS])
    found = parts(sample, notes(receive=5, done=52, total=0, last_ready=0))
    assert [found[name] for name in stages.PARTS] == [1, 1, 1, 1, 0, 47, 1, 5, 2]


@pytest.mark.parametrize("when, eager", [(52, 0), (55, 1), (59, 0)])
def test_a_first_step_without_a_graph_is_seen(when, eager):
    found = notes(receive=5, done=52, total=45, last_ready=40)
    found += [
        note("decode", "eager", when, layers=36),
        note("layer-prefill", "eager", 55, layers=36),
    ]
    sample = Sample("pf7", sent=1 * MS, came=[60 * MS])
    assert parts(sample, found)["eager"] == eager


def test_what_came_is_read_afterwards():
    sample = Sample("pf7", sent=1)
    events = [{"choices": [{"prompt_token_ids": [9] * 3, "token_ids": []}]}]
    events += [{"choices": [{"text": "", "token_ids": ids}]} for ids in ([4], [5, 6])]
    sample.events = [(10 * at, json.dumps(event).encode()) for at, event in enumerate(events)]
    sample.read()
    assert (sample.came, sample.tokens, sample.error) == ([10, 20], [4, 5, 6], "")
    sample.events = [(30, b'{"error": {"message": "no"}}')]
    sample.read()
    assert "no" in sample.error and sample.tokens == [4, 5, 6]


@pytest.mark.parametrize("detokenize", [False, True])
@pytest.mark.parametrize("gpus", [False, True])
def test_servers_make_text_only_when_asked_to(detokenize, gpus):
    options = servers.serve_options(load_format="random", gpus=gpus, detokenize=detokenize)
    assert ("--skip-tokenizer-init" in options) is not detokenize
    assert ("--enforce-eager" in options) is not gpus


def test_questions_have_prompts_of_the_length_asked_for():
    client = Client(4096, 1, 1.0)
    question = client.question(client.prompt(77), 5)
    asked = json.loads(question.body)
    assert question.length == len(asked["prompt"]) == 77 and asked["max_tokens"] == 5
    assert asked["stream"] and asked["return_token_ids"]


def test_a_request_without_notes_has_no_stages():
    assert parts(Sample("pf8", came=[1]), notes(5, 52, 45, 40)) == {}
    assert stages.medians([{}, {"a": 1.0}, {"a": 3.0}]) == {"a": 2.0}


def lines():
    targets = {"alone": 100.0, "layer-concurrent": 110.0, "dry-concurrent": 108.0, "nixl": 125.0}
    about = {"machine": "m", "versions": {"vllm": "0"}, "shape": "s", "weights": "random"}
    yield {"part": "about", **about, "targets": list(targets)}
    for name, ttft in targets.items():
        common = {"target": name, "prompt": 512}
        times = {"at_once": 1, "ttft_ms": [ttft, ttft + 1, ttft + 2], "stages_ms": {}}
        yield {"part": "ttft", **common, **times}
        yield {"part": "tokens", **common, "equal": name != "dry-concurrent"}
        yield {"part": "gaps", **common, "longest_ms": [7.0, 9.0], "usual_ms": [5.0, 5.2]}


def test_tables():
    results = report.Results(list(lines()))
    text = report.text(results)
    assert "| layer-concurrent | 10.0 |" in text
    assert "| layer-concurrent above its floor | 2.0 |" in text
    assert "| layer-concurrent, % of NIXL's best | 40 |" in text
    assert "step-concurrent above" not in text  # it was not measured
    assert "| dry-concurrent | differ |" in text and "| nixl | equal |" in text
    assert "| nixl | 512 | 5.1 | 9.0 | 7.0, 9.0 |" in text
